# Needs Go 1.21 or later, which fetches by itself the one that the sources want.
export GOTOOLCHAIN=auto CGO_ENABLED=0 GOBIN="$PWD/usr/local/bin"
go install -trimpath -ldflags='-s -w' github.com/temporalio/cli/cmd/temporal@v1.5.1
