package aws

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// query answers the requests of STS (Query protocol, XML), of IAM Identity Center, and
// of a container's credentials.
func (c *cloud) query(w http.ResponseWriter, r *http.Request, body string) {
	in, _ := url.ParseQuery(body) //nolint:errcheck // empty then
	action := in.Get("Action")
	if action == "" {
		action = r.URL.Path
	}
	c.calls[action]++
	if c.fault != nil {
		values := map[string]any{}
		for name := range in {
			values[name] = in.Get(name)
		}
		if f := c.fault(action, values); f != nil {
			f.write(w)
			return
		}
	}
	end := time.Now().Add(time.Hour).UTC()
	switch action {
	case "AssumeRole", "AssumeRoleWithWebIdentity":
		fmt.Fprintf(w, `<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult><Credentials>
			<AccessKeyId>ASIAROLE%[2]s</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%[3]s</Expiration>
			</Credentials></%[1]sResult></%[1]sResponse>`, action, strings.ToUpper(lastWord(in.Get("RoleArn"))), end.Format(time.RFC3339))
	case "GetCallerIdentity":
		fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
			<Arn>arn:aws:iam::%s:user/tester</Arn><Account>%s</Account><UserId>U</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>`, account, account)
	case "/federation/credentials":
		fmt.Fprintf(w, `{"roleCredentials":{"accessKeyId":"ASIASSOSSOSSOSSO","secretAccessKey":"s","sessionToken":"t","expiration":%d}}`, end.UnixMilli())
	case "/container":
		fmt.Fprintf(w, `{"AccessKeyId":"ASIACONTAINERXXX","SecretAccessKey":"s","Token":"t","Expiration":%q}`, end.Format(time.RFC3339))
	default:
		c.t.Errorf("request of %q", action)
		w.WriteHeader(http.StatusNotFound)
	}
}

func lastWord(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// xmlRefusal is an error of STS.
func xmlRefusal(status int, code, message string) *reply {
	return &reply{
		status: status, header: map[string]string{"Content-Type": "text/xml"},
		body: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>` + code +
			`</Code><Message>` + message + `</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
	}
}
