module draingate.dev/benches/peers/constant

go 1.24
