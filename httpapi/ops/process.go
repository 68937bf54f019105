package ops

import (
	"io"

	"github.com/VictoriaMetrics/metrics"
)

// Process is what every Go program has: CPU, memory, descriptors, collector.
// The library writes three times as many families; those that an operator of
// this program can act on have a text here, and the others are not exposed.
// Some of them also break the naming rules that promtool checks.
func Process() Source {
	return Source{Help: processHelp, Write: func(w io.Writer) {
		metrics.WriteProcessMetrics(w)
		metrics.WriteFDMetrics(w) // apart, because it lists a directory; 10,000 descriptors take some milliseconds
	}}
}

var processHelp = map[string]string{
	"go_gc_duration_seconds":              "Stop-the-world pauses of the garbage collector.",
	"go_gc_cpu_seconds_total":             "CPU time spent on garbage collection.",
	"go_gc_mark_assist_cpu_seconds_total": "CPU time that allocating goroutines spent helping the collector.",
	"go_goroutines":                       "Goroutines that exist.",
	"go_gomaxprocs":                       "Processors that goroutines run on at once.",
	"go_threads":                          "Operating system threads created.",
	"go_info":                             "Version of Go that built the program.",
	"go_memlimit_bytes":                   "Soft memory limit, GOMEMLIMIT.",
	"go_memstats_alloc_bytes":             "Bytes of heap objects in use or not yet swept.",
	"go_memstats_alloc_bytes_total":       "Bytes of heap objects allocated.",
	"go_memstats_heap_inuse_bytes":        "Bytes of heap spans in use.",
	"go_memstats_heap_released_bytes":     "Bytes of heap returned to the operating system.",
	"go_memstats_heap_sys_bytes":          "Bytes of heap obtained from the operating system.",
	"go_memstats_mallocs_total":           "Heap objects allocated.",
	"go_memstats_frees_total":             "Heap objects freed.",
	"go_memstats_next_gc_bytes":           "Heap size at which the next collection begins.",
	"go_memstats_stack_inuse_bytes":       "Bytes of stacks in use.",
	"go_memstats_sys_bytes":               "Bytes obtained from the operating system by the Go runtime.",
	"go_mutex_wait_seconds_total":         "Time that goroutines waited for locks.",
	"go_sched_latencies_seconds":          "Time that goroutines were ready and waited for a processor.",

	"process_cpu_seconds_total":                     "CPU time used, user and system.",
	"process_cpu_seconds_system_total":              "CPU time used in the kernel.",
	"process_cpu_seconds_user_total":                "CPU time used in user mode.",
	"process_major_pagefaults_total":                "Page faults that had to read from disk.",
	"process_num_threads":                           "Operating system threads of the process.",
	"process_open_fds":                              "File descriptors that are open.",
	"process_max_fds":                               "File descriptors that may be open.",
	"process_resident_memory_bytes":                 "Memory in RAM.",
	"process_resident_memory_anon_bytes":            "Memory in RAM that is not backed by files.",
	"process_resident_memory_file_bytes":            "Memory in RAM that is backed by files.",
	"process_resident_memory_peak_bytes":            "Highest memory in RAM so far.",
	"process_start_time_seconds":                    "When the process started, in Unix time.",
	"process_virtual_memory_bytes":                  "Address space in use.",
	"process_pressure_cpu_waiting_seconds_total":    "Time in which some task of the system waited for CPU.",
	"process_pressure_io_waiting_seconds_total":     "Time in which some task of the system waited for I/O.",
	"process_pressure_io_stalled_seconds_total":     "Time in which all tasks of the system waited for I/O.",
	"process_pressure_memory_waiting_seconds_total": "Time in which some task of the system waited for memory.",
	"process_pressure_memory_stalled_seconds_total": "Time in which all tasks of the system waited for memory.",
}
