package measure

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of CPU time in /proc: USER_HZ is 100 on every architecture
// that Go runs on.
const tick = 10 * time.Millisecond

// Usage is what a process has used up since it started, as Linux tells in
// /proc.
type Usage struct {
	CPU     time.Duration `json:"cpu_ns"`         // user and system time of all threads, in steps of 10 ms
	RSS     int64         `json:"rss_bytes"`      // resident now
	PeakRSS int64         `json:"peak_rss_bytes"` // the most that was ever resident
	Written int64         `json:"written_bytes"`  // sent to storage, in pages; 0 on a memory filesystem
}

// ProcessUsage reads the usage of a running process of the same user. It needs
// Linux.
func ProcessUsage(pid int) (Usage, error) {
	var u Usage
	dir := fmt.Sprintf("/proc/%d/", pid)
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return u, fmt.Errorf("read process usage: %w", err)
	}
	if u.CPU, err = parseCPU(stat); err != nil {
		return u, fmt.Errorf("read process usage: %w", err)
	}
	status, err := readFields(dir + "status")
	if err != nil {
		return u, err
	}
	io, err := readFields(dir + "io")
	if err != nil {
		return u, err
	}
	u.RSS = status["VmRSS"] << 10
	u.PeakRSS = status["VmHWM"] << 10
	u.Written = io["write_bytes"]
	return u, nil
}

// Since returns what was used after an earlier reading of the same process.
// Memory is not used up: it stays what it is now.
func (u Usage) Since(before Usage) Usage {
	u.CPU -= before.CPU
	u.Written -= before.Written
	return u
}

// parseCPU adds up utime and stime, the 14th and 15th field of a stat line.
// The second field is the command in parentheses and may hold spaces and
// parentheses itself, so fields are counted after the last one.
func parseCPU(stat []byte) (time.Duration, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("stat line has %d fields after the command, want 13 or more", len(fields))
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(string(fields[12]), 10, 64)
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * tick, nil
}

// readFields reads lines of the form "name: number unit". Lines whose value is
// no number are left out.
func readFields(path string) (map[string]int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read process usage: %w", err)
	}
	defer file.Close()
	fields := make(map[string]int64)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		number, _, _ := bytes.Cut(bytes.TrimSpace(value), []byte(" "))
		if n, err := strconv.ParseInt(string(number), 10, 64); err == nil {
			fields[string(name)] = n
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read process usage: %w", err)
	}
	return fields, nil
}
