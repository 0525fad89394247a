# The sources of tests, and the tools that only look at programs, are a third of the image.
find /usr/share/go-1.19 -name '*_test.go' -delete
find /usr/share/go-1.19 -name testdata -prune -exec rm -rf '{}' +
rm -rf /usr/share/go-1.19/test /usr/lib/go-1.19/pkg/tool/*/trace /usr/lib/go-1.19/pkg/tool/*/pprof /usr/lib/go-1.19/pkg/tool/*/vet
# What nearly every program stands on is compiled here once, for this machine's processor and for another one, so that a
# build takes seconds. With that, nobody asks for what Debian compiled with other settings.
rm -rf /usr/lib/go-1.19/pkg/linux_amd64
for processor in amd64 arm64; do
    CGO_ENABLED=0 GOFLAGS=-trimpath GOCACHE=/var/cache/go GOARCH=$processor go build net/http encoding/json
done
