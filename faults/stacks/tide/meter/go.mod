module tide/meter

go 1.19
