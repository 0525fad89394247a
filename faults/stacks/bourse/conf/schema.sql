CREATE TABLE trades (id bigserial PRIMARY KEY, cents bigint NOT NULL, settled boolean NOT NULL DEFAULT false);
