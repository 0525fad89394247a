-- What the shop sells. Orders and what else the programs keep are made by their migrations.
CREATE TABLE products (
    id serial PRIMARY KEY,
    name text NOT NULL,
    cents int NOT NULL
);

INSERT INTO products (name, cents) VALUES
    ('a dozen tulips', 1490),
    ('sunflowers', 990),
    ('a monstera in its pot', 3900);
