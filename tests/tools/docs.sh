#!/usr/bin/env bash
# Build the documentation as a site: docs.sh VENV TREE SITE
# The pages of modules, plugins and roles come from antsibull-docs, the others are the Markdown files of the tree. Any
# warning is an error.
set -euo pipefail

venv=$1
tree=$2
site=$3
export PATH=$venv/bin:$PATH LC_ALL=C.UTF-8

rm -rf "$site"
mkdir -p "$site/source/collections"
# antsibull-docs refuses to write where others may.
chmod og-w "$site/source" "$site/source/collections"
cd "$tree"
cp docs/site/conf.py docs/site/index.md "$site/source"
tar --create -- LICENSE *.md docs roles/*/README.md | tar --extract --directory="$site/source"
rm -r "$site/source/docs/site"
antsibull-docs collection --use-current --squash-hierarchy --fail-on-error --dest-dir "$site/source/collections" \
  holdfast.mounts >"$site/antsibull.log" 2>&1 || { cat "$site/antsibull.log"; exit 1; }
sphinx-build --builder html --fail-on-warning --keep-going --quiet "$site/source" "$site/html"
echo "docs: $(find "$site/html" -name '*.html' | wc -l) pages in $site/html, no warnings"
