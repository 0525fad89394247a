CREATE TABLE IF NOT EXISTS pujas (
    id bigserial PRIMARY KEY,
    importe int NOT NULL CHECK (importe > 0),
    hecha timestamptz NOT NULL DEFAULT now()
);
