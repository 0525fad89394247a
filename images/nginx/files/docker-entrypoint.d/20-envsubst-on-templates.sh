#!/bin/sh
# Fills the environment into /etc/nginx/templates/*.template and writes /etc/nginx/conf.d.
# Only names that are really set are replaced, so that nginx keeps its own $variables.
set -eu
templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
suffix=${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}
output=${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}

[ -d "$templates" ] || exit 0
names=$(awk 'END { for (name in ENVIRON) printf "${%s} ", name }' </dev/null)
find "$templates" -follow -type f -name "*$suffix" | while read -r template; do
    target="$output/${template#"$templates/"}"
    target=${target%"$suffix"}
    mkdir -p "$(dirname "$target")"
    envsubst "$names" <"$template" >"$target"
done
