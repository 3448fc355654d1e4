// Command cluster is a Kubernetes control plane and node in one file, for
// tests and demos: the first argument names the part, the rest are that part's
// own arguments. Each part is upstream's public command, pinned in go.mod;
// nothing of it is changed here.
package main

import (
	"context"
	"fmt"
	"os"
	_ "time/tzdata" // CronJob time zones, as the upstream mains have it

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // kubectl's login plugins
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// server wraps a long-running part: its command, run as upstream's main does.
func server(command func() *cobra.Command) func() {
	return func() { os.Exit(cli.Run(command())) }
}

func runKubectl() {
	logs.GlogSetter(kubectl.GetLogVerbosity(os.Args)) //nolint:errcheck // as upstream
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}

func main() {
	parts := map[string]struct {
		name string // what the part expects to be called
		run  func()
	}{
		"etcd":               {"etcd", func() { etcdmain.Main(os.Args) }},
		"apiserver":          {"kube-apiserver", server(apiserver.NewAPIServerCommand)},
		"controller-manager": {"kube-controller-manager", server(controllers.NewControllerManagerCommand)},
		"scheduler": {"kube-scheduler", server(func() *cobra.Command {
			return scheduler.NewSchedulerCommand()
		})},
		"kubelet": {"kubelet", server(func() *cobra.Command {
			return kubelet.NewKubeletCommand(context.Background())
		})},
		"proxy":   {"kube-proxy", server(proxy.NewProxyCommand)},
		"kubectl": {"kubectl", runKubectl},
	}
	if len(os.Args) > 1 {
		if part, known := parts[os.Args[1]]; known {
			os.Args = append([]string{part.name}, os.Args[2:]...)
			part.run()
			return
		}
	}
	fmt.Fprintln(os.Stderr,
		"usage: cluster etcd|apiserver|controller-manager|scheduler|kubelet|proxy|kubectl ARGUMENT...")
	os.Exit(2)
}
