package json

import "bytes"

// The functions here find their way in a text that Valid or Check has accepted;
// with any other they panic. They decode nothing: an event's data is kept byte
// for byte, so all that is wanted of it is where it begins and ends.

// Members calls visit with the name and the value of every member of an
// object, both as they stand in the text, the name without its quotes. object
// begins with the brace.
func Members(object []byte, visit func(name, value []byte)) {
	i := skipSpace(object, 1) // behind the brace
	for object[i] == '"' {
		end := stringEnd(object, i)
		name := object[i+1 : end-1]
		i = skipSpace(object, end) + 1 // behind the colon
		i = skipSpace(object, i)
		end = valueEnd(object, i)
		visit(name, object[i:end])
		i = nextItem(object, end)
	}
}

// Unquote returns a name of Members as it is meant.
func Unquote(name []byte) string {
	if bytes.IndexByte(name, '\\') < 0 {
		return string(name)
	}
	var text string
	quoted := append(append([]byte{'"'}, name...), '"')
	if err := Unmarshal(quoted, &text); err != nil {
		return string(name) // cannot happen: it is part of a valid text
	}
	return text
}

// Elements calls visit with every element of an array, which begins with its
// bracket.
func Elements(array []byte, visit func(value []byte)) {
	i := skipSpace(array, 1)
	for array[i] != ']' {
		end := valueEnd(array, i)
		visit(array[i:end])
		i = nextItem(array, end)
	}
}

// nextItem goes from the end of an item to the beginning of the next one, or to
// the closing bracket.
func nextItem(text []byte, i int) int {
	if i = skipSpace(text, i); text[i] == ',' {
		i = skipSpace(text, i+1)
	}
	return i
}

func skipSpace(text []byte, i int) int {
	for text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r' {
		i++
	}
	return i
}

// valueEnd returns where the value at i ends.
func valueEnd(text []byte, i int) int {
	switch text[i] {
	case '"':
		return stringEnd(text, i)
	case '{', '[':
		return nestedEnd(text, i)
	}
	for i < len(text) && bytes.IndexByte([]byte(" \n\t\r,]}"), text[i]) < 0 {
		i++
	}
	return i
}

func nestedEnd(text []byte, i int) int {
	for depth := 0; ; {
		switch text[i] {
		case '"':
			i = stringEnd(text, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if i++; depth == 0 {
			return i
		}
	}
}

// stringEnd returns where the string at i ends, behind its closing quote. Long
// strings cost little: the quote is searched for many bytes at a time.
func stringEnd(text []byte, i int) int {
	for i++; ; i++ {
		i += bytes.IndexByte(text[i:], '"')
		slashes := 0
		for text[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 { // else the quote itself is escaped
			return i + 1
		}
	}
}
