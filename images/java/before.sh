# Java's packages put links to their manual here and fail without it.
mkdir -p /usr/share/man/man1
