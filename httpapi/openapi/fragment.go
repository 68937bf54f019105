package openapi

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
)

// fragment is what is said of a dialect besides its route table.
type fragment struct {
	Title       string `json:"title"` // of the group that its operations form
	Description string `json:"description"`

	// Error is the schema of its errors, of the media type ErrorType.
	Error     string `json:"error"`
	ErrorType string `json:"error_type"`

	// Operations by method and pattern, such as "GET /v1/events/{id}".
	Operations map[string]operation `json:"operations"`

	// Parameters by name: those of routes, and the headers that operations list.
	// A name and a place are added.
	Parameters map[string]map[string]any `json:"parameters"`

	// Schemas by name, which no other fragment may use. One that does not list
	// what is required requires all of its properties: answers show every field.
	Schemas map[string]map[string]any `json:"schemas"`
}

// operation is what is said of one route.
type operation struct {
	ID          string `json:"id"`
	Summary     string `json:"summary"`
	Description string `json:"description"`

	Headers []string `json:"headers"` // names of parameters

	// Body has the schema of the request's body by media type. Optional = there
	// need not be one.
	Body     map[string]string `json:"body"`
	Optional bool              `json:"optional"`
	Example  any               `json:"example"` // of the body

	// Answers has the schema of the answer by status, "" for no content. Type is
	// their media type, if it is not JSON.
	Answers map[int]string `json:"answers"`
	Type    string         `json:"type"`

	// Errors are the statuses that do not follow from the route: see faults.
	Errors []int `json:"errors"`
}

const jsonType = "application/json"

//go:embed document.json fragment
var files embed.FS

// readFragment reads what is said of a dialect.
func readFragment(dialect string) (*fragment, error) {
	var f fragment
	if err := read("fragment/"+dialect+".json", &f); err != nil {
		return nil, err
	}
	return &f, nil
}

// read is strict: what is misspelt would be missing in the document.
func read(name string, into any) error {
	text, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
