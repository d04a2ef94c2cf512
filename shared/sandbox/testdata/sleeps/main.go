// Sleeps stands for a runsc that hangs.
package main

import "time"

func main() { time.Sleep(time.Hour) }
