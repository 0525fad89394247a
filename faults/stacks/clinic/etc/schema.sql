CREATE TABLE IF NOT EXISTS appointments (id serial PRIMARY KEY, made timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS invoices (id serial PRIMARY KEY, cents int NOT NULL);
