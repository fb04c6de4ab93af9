module draingate.dev/benches/peers/load

go 1.24
