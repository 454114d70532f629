"""stemweave: make and take apart music stem by stem."""
