package e2e

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/test/cluster"
)

// ownName is the one of config/https.
const ownName = "quantumlayer.example.com"

// A name of its own with TLS, as docs/operations/deploy.md gives it to workflow-api, serves HTTP/2 from zero and a whole run with
// its event stream. The ingress of that name is Kourier, behind config/gateway's policy, since Traefik takes no DomainMapping.
func TestOwnNameIsServedByHTTPS(t *testing.T) {
	cluster.Need(t)
	kourier(t)
	cluster.Kubectl(t, "apply", "-f", "config/gateway/kourier.yaml")
	certificate := ownCertificate(t)
	mapping := cluster.Kubectl(t, "annotate", "--local", "-f", "config/https/domain.yaml", "-o", "yaml",
		"networking.knative.dev/ingress.class=kourier.ingress.networking.knative.dev")
	apply(t, []byte(mapping))
	cluster.Kubectl(t, "-n", cluster.Functions, "wait", "domainmapping", ownName, "--for=condition=Ready", "--timeout=2m")

	proxy := proxyTo(t, cluster.Kubectl(t, "-n", "kourier-system", "get", "service", "kourier", "-o", "jsonpath={.spec.clusterIP}:443"))
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		t.Fatal("the certificate is none")
	}
	through, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(through), TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("https://" + ownName + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
		t.Errorf("%s answers %s by %s", ownName, resp.Status, resp.Proto)
	}
	// ql does what any program does behind a proxy with an authority of the house.
	authorities := filepath.Join(t.TempDir(), "authorities.pem")
	if err := os.WriteFile(authorities, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	generate(t, func(cmd *exec.Cmd) {
		cmd.Env = append(os.Environ(), "HTTPS_PROXY="+proxy, "SSL_CERT_FILE="+authorities)
	}, "--server", "https://"+ownName)
}

// kourier installs Kourier beside the cluster's ingress for as long as the test runs, where it is not there.
func kourier(t *testing.T) {
	t.Helper()
	there := func() string {
		return cluster.Kubectl(t, "get", "namespace", "kourier-system", "--ignore-not-found", "-o", "jsonpath={.status.phase}")
	}
	cluster.Eventually(t, "an earlier Kourier is gone", 3*time.Minute, func() bool { return there() != "Terminating" })
	defer func() {
		cluster.Kubectl(t, "-n", "knative-serving", "rollout", "status", "deployment/net-kourier-controller", "--timeout=2m")
		cluster.Kubectl(t, "-n", "kourier-system", "rollout", "status", "deployment/3scale-kourier-gateway", "--timeout=2m")
	}()
	if there() != "" {
		return
	}
	base := cmp.Or(os.Getenv("QL_E2E_BASEIMAGE"), "docker.io/library/debian:bookworm-slim")
	manifests, err := cluster.Command(t.Context(), nil, "scripts/kourier", os.Getenv("KO_DOCKER_REPO"), base)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, manifests)
}

// ownCertificate puts a certificate of ownName, which signs itself, into the Secret that config/https names, and gives it as PEM.
func ownCertificate(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: ownName}, DNSNames: []string{ownName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, content := range map[string][]byte{"tls.crt": certificate, "tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	secret := cluster.Kubectl(t, "-n", cluster.Functions, "create", "secret", "tls", "quantumlayer-tls",
		"--cert", filepath.Join(dir, "tls.crt"), "--key", filepath.Join(dir, "tls.key"), "--dry-run=client", "-o", "yaml")
	apply(t, []byte(secret))
	return certificate
}

// apply applies manifests, and deletes them after the test.
func apply(t *testing.T, manifests []byte) {
	t.Helper()
	kubectl := func(args ...string) error {
		cmd := exec.Command("kubectl", append(args, "-f", "-")...) // t's context has ended when this cleans up
		cmd.Stdin = bytes.NewReader(manifests)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("kubectl %v: %v: %s", args, err, out)
		}
		return err
	}
	t.Cleanup(func() { _ = kubectl("delete", "--ignore-not-found", "--timeout=2m") }) // it has said so
	if kubectl("apply") != nil {
		t.FailNow()
	}
}

// proxyTo is the URL of an HTTP proxy that leads every connection to one address: names that no DNS knows are reached by it.
func proxyTo(t *testing.T, address string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "CONNECT alone", http.StatusMethodNotAllowed)
			return
		}
		there, err := net.Dial("tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer there.Close()
		w.WriteHeader(http.StatusOK)
		here, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("the proxy: %v", err)
			return
		}
		defer here.Close()
		ended := make(chan struct{}, 2)
		go func() { _, _ = io.Copy(there, buffered); ended <- struct{}{} }() // a broken connection is the client's to tell
		go func() { _, _ = io.Copy(here, there); ended <- struct{}{} }()
		<-ended
	}))
	t.Cleanup(server.Close)
	return server.URL
}
