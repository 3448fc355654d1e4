// Command coredns is the cluster's DNS with the plug-ins that the test bed's
// node uses, and no more: upstream's own list brings the clients of three
// clouds, and minutes of building.
package main

import (
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
)

func main() { coremain.Run() }
