module apteka/przekaznik

go 1.19
