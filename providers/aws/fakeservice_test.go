package aws

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

func (c *cloud) answer(action string, in map[string]any) (map[string]any, *reply) {
	switch action {
	case "GetSecretValue":
		return c.getSecret(in)
	case "BatchGetSecretValue":
		return c.batchSecrets(in)
	case "DescribeSecret":
		return c.describe(in)
	case "PutSecretValue":
		if c.secrets[text(in["SecretId"])] == nil {
			return nil, refuse(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
		}
		return map[string]any{"VersionId": c.put(text(in["SecretId"]), []byte(text(in["SecretString"])), true)}, nil
	case "CreateSecret":
		return map[string]any{"VersionId": c.put(text(in["Name"]), []byte(text(in["SecretString"])), true)}, nil
	case "DeleteSecret":
		s := c.find(text(in["SecretId"]))
		if s == nil {
			return nil, refuse(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
		}
		s.deleted = true
		return map[string]any{}, nil
	case "ListSecrets":
		return c.listSecrets(in), nil
	case "GetParameters":
		return c.getParameters(in)
	}
	return nil, refuse(400, "UnknownOperationException", "")
}

func (c *cloud) find(id string) *secretState {
	for name, s := range c.secrets {
		if id == name || id == s.arn {
			return s
		}
	}
	return nil
}

func (c *cloud) getSecret(in map[string]any) (map[string]any, *reply) {
	id := text(in["SecretId"])
	s := c.find(id)
	switch {
	case s == nil:
		return nil, refuse(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	case s.deleted:
		return nil, refuse(400, "InvalidRequestException",
			"You can't perform this operation on the secret because it was marked for deletion.")
	}
	stage := first(text(in["VersionStage"]), "AWSCURRENT")
	version := first(text(in["VersionId"]), s.stages[stage])
	v, ok := s.version[version]
	if !ok {
		return nil, refuse(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: "+stage)
	}
	return c.entry(s, version, v), nil
}

func (c *cloud) entry(s *secretState, id string, v secretVersion) map[string]any {
	out := map[string]any{"ARN": s.arn, "Name": nameOf(s.arn), "VersionId": id, "CreatedDate": v.created.Unix()}
	if v.text {
		out["SecretString"] = string(v.value)
	} else {
		out["SecretBinary"] = base64.StdEncoding.EncodeToString(v.value)
	}
	return out
}

func (c *cloud) batchSecrets(in map[string]any) (map[string]any, *reply) {
	ids, _ := in["SecretIdList"].([]any)
	if len(ids) > 20 {
		return nil, refuse(400, "ValidationException", "SecretIdList: at most 20")
	}
	var values, errors []map[string]any
	for _, id := range slices.Backward(ids) { // the service promises no order
		out, failed := c.getSecret(map[string]any{"SecretId": id})
		if failed == nil {
			values = append(values, out)
			continue
		}
		var e map[string]string
		json.Unmarshal([]byte(failed.body), &e) //nolint:errcheck // written by refuse
		errors = append(errors, map[string]any{"SecretId": id, "ErrorCode": e["__type"], "Message": e["message"]})
	}
	return map[string]any{"SecretValues": values, "Errors": errors}, nil
}

func (c *cloud) describe(in map[string]any) (map[string]any, *reply) {
	s := c.find(text(in["SecretId"]))
	if s == nil {
		return nil, refuse(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	stages := map[string][]string{}
	for _, id := range s.order {
		stages[id] = nil
	}
	for stage, id := range s.stages {
		stages[id] = append(stages[id], stage)
	}
	out := map[string]any{"ARN": s.arn, "Name": nameOf(s.arn), "VersionIdsToStages": stages}
	if s.deleted {
		out["DeletedDate"] = time.Now().Unix()
	}
	return out, nil
}

func (c *cloud) listSecrets(in map[string]any) map[string]any {
	const page = 2
	names := slices.Sorted(maps.Keys(c.secrets))
	from := 0
	fmt.Sscan(text(in["NextToken"]), &from) //nolint:errcheck // empty is 0
	var list []map[string]any
	for _, name := range names[from:min(from+page, len(names))] {
		list = append(list, map[string]any{"Name": name, "SecretVersionsToStages": map[string]any{c.secrets[name].stages["AWSCURRENT"]: []string{"AWSCURRENT"}}})
	}
	out := map[string]any{"SecretList": list}
	if from+page < len(names) {
		out["NextToken"] = fmt.Sprint(from + page)
	}
	return out
}

func (c *cloud) getParameters(in map[string]any) (map[string]any, *reply) {
	ids, _ := in["Names"].([]any)
	if len(ids) > 10 {
		return nil, refuse(400, "ValidationException", "names: at most 10")
	}
	if in["WithDecryption"] != true {
		c.t.Error("GetParameters without decryption")
	}
	var found []map[string]any
	invalid := []string{}
	for _, asked := range ids {
		id := strings.TrimPrefix(text(asked), "arn:aws:ssm:us-east-1:"+account+":parameter")
		name, selector, selected := strings.Cut(id, ":")
		versions := c.parameters[name]
		version := len(versions)
		if selected {
			version = 0
			fmt.Sscan(selector, &version) //nolint:errcheck // a label is not known: 0
		}
		if version < 1 || version > len(versions) {
			invalid = append(invalid, text(asked))
			continue
		}
		p := map[string]any{"Name": name, "Value": versions[version-1], "Version": version, "Type": "SecureString",
			"ARN": "arn:aws:ssm:us-east-1:" + account + ":parameter/" + strings.TrimPrefix(name, "/"), "LastModifiedDate": 1.7e9}
		if selected {
			p["Selector"] = ":" + selector
		}
		found = append(found, p)
	}
	return map[string]any{"Parameters": found, "InvalidParameters": invalid}, nil
}
