CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    product_id int NOT NULL REFERENCES products (id),
    quantity int NOT NULL CHECK (quantity > 0),
    email text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
