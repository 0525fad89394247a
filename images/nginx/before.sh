groupadd --system --gid 101 nginx
useradd --system --gid nginx --uid 101 --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin nginx
