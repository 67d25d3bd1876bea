// The AWS SDK for Go v2 at an S3 endpoint: one line per step, "<step>\tok" or "<step>\t<what went wrong>".
//
//	aws-sdk-go-client ENDPOINT ACCESS_KEY SECRET_KEY BUCKET
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

type session struct {
	client *s3.Client
	bucket *string
	large  []byte
}

var ctx = context.Background()

func main() {
	client := s3.New(s3.Options{
		BaseEndpoint:     aws.String(os.Args[1]),
		Credentials:      credentials.NewStaticCredentialsProvider(os.Args[2], os.Args[3], ""),
		Region:           "us-east-1",
		UsePathStyle:     true,
		RetryMaxAttempts: 1,
	})
	at := &session{client: client, bucket: aws.String(os.Args[4]), large: make([]byte, 12<<20)}
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
	_, err := at.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: at.bucket})
	return err
}

func (at *session) put() error {
	for _, key := range []string{"dir/one", "dir/two", "ümläut + space%.txt"} {
		input := &s3.PutObjectInput{Bucket: at.bucket, Key: &key, Body: strings.NewReader("content of " + key)}
		if _, err := at.client.PutObject(ctx, input); err != nil {
			return err
		}
	}
	return nil
}

func (at *session) read(key string, span *string) ([]byte, error) {
	answer, err := at.client.GetObject(ctx, &s3.GetObjectInput{Bucket: at.bucket, Key: &key, Range: span})
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

func (at *session) expect(key string, span *string, wanted []byte) error {
	found, err := at.read(key, span)
	if err == nil && !bytes.Equal(found, wanted) {
		return fmt.Errorf("%s differs: %d bytes", key, len(found))
	}
	return err
}

func (at *session) get() error {
	return at.expect("ümläut + space%.txt", nil, []byte("content of ümläut + space%.txt"))
}

func (at *session) span() error {
	return at.expect("dir/one", aws.String("bytes=0-6"), []byte("content"))
}

func (at *session) multipart() error {
	uploader := manager.NewUploader(at.client, func(u *manager.Uploader) { u.PartSize = 5 << 20 })
	input := &s3.PutObjectInput{Bucket: at.bucket, Key: aws.String("large"), Body: bytes.NewReader(at.large)}
	if _, err := uploader.Upload(ctx, input); err != nil {
		return err
	}
	return at.expect("large", nil, at.large)
}

func (at *session) list() error {
	input := &s3.ListObjectsV2Input{Bucket: at.bucket, Prefix: aws.String("dir/"), MaxKeys: aws.Int32(1)}
	var keys []string
	for pages := s3.NewListObjectsV2Paginator(at.client, input); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, entry := range page.Contents {
			keys = append(keys, *entry.Key)
		}
	}
	if strings.Join(keys, " ") != "dir/one dir/two" {
		return fmt.Errorf("listed %v", keys)
	}
	return nil
}

func (at *session) copy() error {
	source := *at.bucket + "/dir/one"
	_, err := at.client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: at.bucket, Key: aws.String("copied"), CopySource: &source})
	if err != nil {
		return err
	}
	return at.expect("copied", nil, []byte("content of dir/one"))
}

func (at *session) conditional() error {
	input := &s3.PutObjectInput{Bucket: at.bucket, Key: aws.String("dir/one"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")}
	_, err := at.client.PutObject(ctx, input)
	var refused smithy.APIError
	if !errors.As(err, &refused) || refused.ErrorCode() != "PreconditionFailed" {
		return fmt.Errorf("expected PreconditionFailed, got %v", err)
	}
	return nil
}

func (at *session) presigned() error {
	input := &s3.GetObjectInput{Bucket: at.bucket, Key: aws.String("dir/one")}
	link, err := s3.NewPresignClient(at.client).PresignGetObject(ctx, input)
	if err != nil {
		return err
	}
	answer, err := http.Get(link.URL)
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
	key, set := aws.String("dir/one"), []types.Tag{{Key: aws.String("colour"), Value: aws.String("blue")}}
	input := &s3.PutObjectTaggingInput{Bucket: at.bucket, Key: key, Tagging: &types.Tagging{TagSet: set}}
	if _, err := at.client.PutObjectTagging(ctx, input); err != nil {
		return err
	}
	found, err := at.client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: at.bucket, Key: key})
	if err == nil && (len(found.TagSet) != 1 || *found.TagSet[0].Value != "blue") {
		return fmt.Errorf("%d tags", len(found.TagSet))
	}
	return err
}

func (at *session) versions() error {
	on := &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}
	if _, err := at.client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: at.bucket, VersioningConfiguration: on}); err != nil {
		return err
	}
	if err := at.put(); err != nil {
		return err
	}
	if _, err := at.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: at.bucket, Key: aws.String("dir/one")}); err != nil {
		return err
	}
	found, err := at.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: at.bucket, Prefix: aws.String("dir/one")})
	if err == nil && (len(found.Versions) != 2 || len(found.DeleteMarkers) != 1) {
		return fmt.Errorf("%d versions, %d delete markers", len(found.Versions), len(found.DeleteMarkers))
	}
	return err
}

func (at *session) remove() error {
	found, err := at.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: at.bucket})
	if err != nil {
		return err
	}
	var all []types.ObjectIdentifier
	for _, entry := range found.Versions {
		all = append(all, types.ObjectIdentifier{Key: entry.Key, VersionId: entry.VersionId})
	}
	for _, entry := range found.DeleteMarkers {
		all = append(all, types.ObjectIdentifier{Key: entry.Key, VersionId: entry.VersionId})
	}
	deleted, err := at.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: at.bucket, Delete: &types.Delete{Objects: all}})
	if err != nil {
		return err
	}
	if len(deleted.Errors) > 0 {
		return fmt.Errorf("%s: %s", *deleted.Errors[0].Key, *deleted.Errors[0].Message)
	}
	_, err = at.client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: at.bucket})
	return err
}
