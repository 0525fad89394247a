# The ids that the official image has: people's volumes carry them.
groupadd --system --gid 999 postgres
useradd --system --gid postgres --uid 999 --home-dir /var/lib/postgresql --shell /bin/bash postgres
mkdir -p /etc/postgresql-common
# No cluster at install time: the data folder is made at the first start.
echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
