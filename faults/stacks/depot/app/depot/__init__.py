"""A depot: parcels come in, and are sent on."""
