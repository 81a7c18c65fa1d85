// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

/** Why a request is refused: an HTTP status and one sentence. */
public enum Refusal {
  NOT_HTTP(400, "this is not an HTTP request"),
  BARE_LINE_FEED(400, "a line does not end with CR LF"),
  REQUEST_LINE(400, "the request line is malformed"),
  TARGET(400, "the request target is neither a path nor an absolute URI of http or ws"),
  METHOD(405, "only GET and HEAD are served"),
  HTTP_VERSION(505, "only HTTP/1.1 is served"),
  LONG_REQUEST_LINE(414, "the request line is longer than the limit"),
  LONG_HEAD(431, "the request head is longer than the limit"),
  MANY_FIELDS(431, "the request has more header fields than the limit"),
  FOLDING(400, "a header field is folded over two lines"),
  FIELD_NAME(400, "a header field name is malformed"),
  FIELD_VALUE(400, "a header field value has a control character"),
  REPEATED_HOST(400, "the Host header field is repeated"),
  REPEATED_ORIGIN(400, "the Origin header field is repeated"),
  REPEATED_KEY(400, "the Sec-WebSocket-Key header field is repeated"),
  REPEATED_VERSION(400, "the Sec-WebSocket-Version header field is repeated"),
  REPEATED_CONTENT_LENGTH(400, "the Content-Length header field is repeated"),
  BAD_CONTENT_LENGTH(400, "the Content-Length header field is not a number"),
  BODY(400, "the request has a body"),
  NO_HOST(400, "the Host header field is missing"),
  BAD_HOST(400, "the Host header field is malformed"),
  UPGRADE_METHOD(400, "a WebSocket upgrade must use GET"),
  NO_UPGRADE(400, "the Upgrade header field does not name websocket"),
  NO_CONNECTION(400, "the Connection header field does not name upgrade"),
  WEBSOCKET_VERSION(426, "only WebSocket version 13 is served"),
  NO_KEY(400, "the Sec-WebSocket-Key header field is missing"),
  BAD_KEY(400, "the Sec-WebSocket-Key header field is not base64 of 16 bytes");

  private final int status;
  private final String sentence;

  Refusal(int status, String sentence) {
    this.status = status;
    this.sentence = sentence;
  }

  /** The status code of the response. */
  public int status() {
    return status;
  }

  /** The body of the response. */
  public String sentence() {
    return sentence;
  }
}
