// Command hello answers every request with 404: what a Go process takes at least to start and to answer.
package main

import (
	"net/http"
	"os"
)

func main() { panic(http.ListenAndServe(":"+os.Getenv("PORT"), http.NotFoundHandler())) }
