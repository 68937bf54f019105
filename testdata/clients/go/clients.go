// Package clients shows that hookwheel works with the libraries that its users
// already have: they are pointed at the server as it is built, manage it, and
// verify what it delivers. It is a module of its own, so that none of them
// becomes a dependency of hookwheel. `make test-clients` builds the server and
// runs the tests here and their like in ../node.
package clients
