"""Makes the table, where it is not there yet."""

from depot import store

store.ask("CREATE TABLE IF NOT EXISTS parcels (id serial PRIMARY KEY, label text, sent boolean DEFAULT false)")
print("the table is there", flush=True)
