//go:build race

package sandbox

// raceDetector says that the test binary is larger than the small memory limits that some tests give it as a job.
const raceDetector = true
