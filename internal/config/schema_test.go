package config

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/internal/format"
)

// validate is as much of JSON Schema as Schema uses.
func validate(root, schema map[string]any, v any, path string) error {
	for keyword := range schema {
		if !strings.Contains(" $schema title $defs description $ref anyOf type enum minimum pattern items properties additionalProperties minProperties maxProperties ", " "+keyword+" ") {
			return fmt.Errorf("%s: keyword %s", path, keyword)
		}
	}
	if ref, ok := schema["$ref"].(string); ok {
		def, ok := root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		if !ok {
			return fmt.Errorf("%s: no %s", path, ref)
		}
		return validate(root, def, v, path)
	}
	if all, ok := schema["anyOf"].([]any); ok {
		var err error
		for _, alt := range all {
			if err = validate(root, alt.(map[string]any), v, path); err == nil {
				return nil
			}
		}
		return err
	}
	if types, ok := schema["type"]; ok && !hasType(types, v) {
		return fmt.Errorf("%s: %T is no %v", path, v, types)
	}
	if words, ok := schema["enum"].([]any); ok && !strings.Contains(fmt.Sprint(words), fmt.Sprint(v)) {
		return fmt.Errorf("%s: not one of %v", path, words)
	}
	if pattern, ok := schema["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(fmt.Sprint(v)) {
		return fmt.Errorf("%s: does not match %s", path, pattern)
	}
	return validateMembers(root, schema, v, path)
}

func hasType(types, v any) bool {
	list, ok := types.([]any)
	if !ok {
		list = []any{types}
	}
	for _, name := range list {
		ok := false
		switch v := v.(type) {
		case nil:
			ok = name == "null"
		case string:
			ok = name == "string"
		case bool:
			ok = name == "boolean"
		case json.Number:
			ok = name == "number" || name == "integer" && !strings.ContainsAny(v.String(), ".eE")
		case []any:
			ok = name == "array"
		case map[string]any:
			ok = name == "object"
		}
		if ok {
			return true
		}
	}
	return false
}

func validateMembers(root, schema map[string]any, v any, path string) error {
	if items, ok := schema["items"].(map[string]any); ok {
		for i, item := range v.([]any) {
			if err := validate(root, items, item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	if least, ok := schema["minProperties"].(float64); ok && len(m) < int(least) {
		return fmt.Errorf("%s: too few", path)
	}
	if most, ok := schema["maxProperties"].(float64); ok && len(m) > int(most) {
		return fmt.Errorf("%s: too many", path)
	}
	known, _ := schema["properties"].(map[string]any)
	for name, member := range m {
		s, ok := known[name].(map[string]any)
		if !ok {
			if s, ok = schema["additionalProperties"].(map[string]any); !ok {
				return fmt.Errorf("%s: unknown key %s", path, name)
			}
		}
		if err := validate(root, s, member, path+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func TestSchema(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	same(t, schema["$schema"], any("https://json-schema.org/draft/2020-12/schema"))
	check := func(text string) error {
		root, err := format.ParseYAML("x.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return validate(schema, schema, Plain(root), "")
	}
	example, err := os.ReadFile("testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(example), "env: {A: 1, B: true, C: {value: x, on_change: {exec: [a]}}}", "files: {a: x, b: {dir: /x, entries: {c: {template: d}}}}",
		"child: {ready: {alive: 2d}, ignore_signals: [HUP]}", "extends: [a, b]\nenvironments: {dev: {secret_provider: aws}}"} {
		if err := check(text); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
	}
	for _, text := range []string{"enviroment: {}", "env: {A: [x]}", "env: {A: {valu: x}}", "env: {A: {on_change: SIGHUP}}", "watch: {interval: 5}",
		"child: {ready: {alive: 2s, tcp: a}}", "environments: {dev: {extends: x}}", "commands: {a: {url: x}}", "version: x", "files: {a: {mode: '9'}}"} {
		if check(text) == nil {
			t.Errorf("%s passes", text)
		}
	}
}

func TestKeys(t *testing.T) {
	seen := map[string]int{}
	for _, k := range Keys() {
		seen[k.Path]++
		if !strings.HasSuffix(k.Doc, ".") {
			t.Errorf("%s: %q", k.Path, k.Doc)
		}
	}
	for _, path := range []string{"version", "env.NAME.required", "files.NAME.entries.NAME.mode", "child.ready.tcp", "rotation.lease", "commands.NAME.child.user", "mcpServers.NAME.headers", "providers.NAME.type", "env_refs", "mask"} {
		if seen[path] == 0 {
			t.Errorf("no key %s", path)
		}
	}
}
