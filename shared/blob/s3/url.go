package s3

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Forms is what to write into a URL of this store.
const Forms = "s3://BUCKET[/PREFIX][?region=REGION][&endpoint=http(s)://HOST:PORT][&path_style=true|false]"

// Place is where a bucket is.
type Place struct {
	Bucket string
	Prefix string // of every key, without slashes at its ends; may be empty
	// Region is empty where the SDK's configuration names it.
	Region string
	// Endpoint is the URL of a server other than AWS's own, or empty.
	Endpoint string
	// PathStyle puts the bucket into the path, not the host name. It is the default where there is an endpoint: servers other
	// than AWS's own seldom have a host name a bucket.
	PathStyle bool
}

// ParseURL reads a URL of the form Forms. Its errors repeat nothing that may be a secret.
func ParseURL(raw string) (Place, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.Fragment != "" {
		return Place{}, errors.New("write " + Forms)
	}
	if u.User != nil {
		return Place{}, errors.New("the URL must hold no credentials: they come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or wherever else the AWS SDK finds them")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Place{}, errors.New("the URL's query cannot be read: write " + Forms)
	}
	p := Place{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	for name, values := range query {
		value := values[len(values)-1]
		switch name {
		case "region":
			p.Region = value
		case "endpoint":
			e, err := url.Parse(value)
			if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "" || e.User != nil {
				return Place{}, errors.New("endpoint must be the URL of a server, http(s)://HOST:PORT, without credentials")
			}
			p.Endpoint = value
			if !query.Has("path_style") {
				p.PathStyle = true
			}
		case "path_style":
			if p.PathStyle, err = strconv.ParseBool(value); err != nil {
				return Place{}, errors.New("path_style must be true or false")
			}
		default:
			return Place{}, fmt.Errorf("unknown setting %.40q in the URL: write %s", name, Forms)
		}
	}
	return p, nil
}
