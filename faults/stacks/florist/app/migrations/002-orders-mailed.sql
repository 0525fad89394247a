ALTER TABLE orders ADD COLUMN mailed_at timestamptz;
