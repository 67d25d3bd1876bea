// minio-go at an S3 endpoint: one line per step, "<step>\tok" or "<step>\t<what went wrong>".
//
//	minio-go-client ENDPOINT ACCESS_KEY SECRET_KEY BUCKET
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/tags"
)

type session struct {
	client *minio.Client
	bucket string
	large  []byte
}

var ctx = context.Background()

func main() {
	client, err := minio.New(strings.TrimPrefix(os.Args[1], "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(os.Args[2], os.Args[3], ""), Region: "us-east-1", MaxRetries: 1,
	})
	if err != nil {
		fmt.Printf("connect\t%s\n", err)
		return
	}
	at := &session{client: client, bucket: os.Args[4], large: make([]byte, 12<<20)}
	_, _ = rand.Read(at.large)
	steps := []struct {
		name string
		run  func() error
	}{
		{"create", at.create}, {"put", at.put}, {"get", at.get}, {"range", at.span}, {"multipart", at.multipart},
		{"list", at.list}, {"copy", at.copy}, {"conditional", at.conditional}, {"presigned", at.presigned},
		{"tags", at.tags}, {"versions", at.versions}, {"delete", at.remove},
	}
	for _, step := range steps {
		if err := step.run(); err != nil {
			fmt.Printf("%s\t%s\n", step.name, strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Printf("%s\tok\n", step.name)
		}
	}
}

func (at *session) create() error {
	return at.client.MakeBucket(ctx, at.bucket, minio.MakeBucketOptions{Region: "us-east-1"})
}

func (at *session) write(key string, content []byte, options minio.PutObjectOptions) error {
	_, err := at.client.PutObject(ctx, at.bucket, key, bytes.NewReader(content), int64(len(content)), options)
	return err
}

func (at *session) put() error {
	for _, key := range []string{"dir/one", "dir/two", "ümläut + space%.txt"} {
		if err := at.write(key, []byte("content of "+key), minio.PutObjectOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func (at *session) expect(key string, wanted []byte, options minio.GetObjectOptions) error {
	object, err := at.client.GetObject(ctx, at.bucket, key, options)
	if err != nil {
		return err
	}
	defer object.Close()
	found, err := io.ReadAll(object)
	if err == nil && !bytes.Equal(found, wanted) {
		return fmt.Errorf("%s differs: %d bytes", key, len(found))
	}
	return err
}

func (at *session) get() error {
	return at.expect("ümläut + space%.txt", []byte("content of ümläut + space%.txt"), minio.GetObjectOptions{})
}

func (at *session) span() error {
	options := minio.GetObjectOptions{}
	if err := options.SetRange(0, 6); err != nil {
		return err
	}
	return at.expect("dir/one", []byte("content"), options)
}

func (at *session) multipart() error {
	if err := at.write("large", at.large, minio.PutObjectOptions{PartSize: 5 << 20}); err != nil {
		return err
	}
	return at.expect("large", at.large, minio.GetObjectOptions{})
}

func (at *session) keys(options minio.ListObjectsOptions) ([]string, error) {
	var keys []string
	for entry := range at.client.ListObjects(ctx, at.bucket, options) {
		if entry.Err != nil {
			return nil, entry.Err
		}
		keys = append(keys, entry.Key)
	}
	return keys, nil
}

func (at *session) list() error {
	keys, err := at.keys(minio.ListObjectsOptions{Prefix: "dir/", Recursive: true, MaxKeys: 1})
	if err == nil && strings.Join(keys, " ") != "dir/one dir/two" {
		return fmt.Errorf("listed %v", keys)
	}
	return err
}

func (at *session) copy() error {
	target := minio.CopyDestOptions{Bucket: at.bucket, Object: "copied"}
	if _, err := at.client.CopyObject(ctx, target, minio.CopySrcOptions{Bucket: at.bucket, Object: "dir/one"}); err != nil {
		return err
	}
	return at.expect("copied", []byte("content of dir/one"), minio.GetObjectOptions{})
}

func (at *session) conditional() error {
	options := minio.PutObjectOptions{}
	options.SetMatchETagExcept("*")
	err := at.write("dir/one", []byte("x"), options)
	if minio.ToErrorResponse(err).Code != "PreconditionFailed" {
		return fmt.Errorf("expected PreconditionFailed, got %v", err)
	}
	return nil
}

func (at *session) presigned() error {
	link, err := at.client.PresignedGetObject(ctx, at.bucket, "dir/one", time.Minute, nil)
	if err != nil {
		return err
	}
	answer, err := http.Get(link.String())
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK || string(body) != "content of dir/one" {
		return fmt.Errorf("%s %s", answer.Status, body)
	}
	return nil
}

func (at *session) tags() error {
	set, err := tags.NewTags(map[string]string{"colour": "blue"}, true)
	if err != nil {
		return err
	}
	if err := at.client.PutObjectTagging(ctx, at.bucket, "dir/one", set, minio.PutObjectTaggingOptions{}); err != nil {
		return err
	}
	found, err := at.client.GetObjectTagging(ctx, at.bucket, "dir/one", minio.GetObjectTaggingOptions{})
	if err == nil && found.ToMap()["colour"] != "blue" {
		return fmt.Errorf("tags %v", found)
	}
	return err
}

func (at *session) versions() error {
	if err := at.client.EnableVersioning(ctx, at.bucket); err != nil {
		return err
	}
	if err := at.put(); err != nil {
		return err
	}
	if err := at.client.RemoveObject(ctx, at.bucket, "dir/one", minio.RemoveObjectOptions{}); err != nil {
		return err
	}
	keys, err := at.keys(minio.ListObjectsOptions{Prefix: "dir/one", Recursive: true, WithVersions: true})
	if err == nil && len(keys) != 3 {
		return fmt.Errorf("%d versions and delete markers", len(keys))
	}
	return err
}

func (at *session) remove() error {
	found := at.client.ListObjects(ctx, at.bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true})
	for failed := range at.client.RemoveObjects(ctx, at.bucket, found, minio.RemoveObjectsOptions{}) {
		return failed.Err
	}
	return at.client.RemoveBucket(ctx, at.bucket)
}
