module draingate.dev/app

go 1.24
