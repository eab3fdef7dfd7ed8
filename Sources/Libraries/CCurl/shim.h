#pragma once
#include <curl/curl.h>

// Swift sees no variadic functions: one here for each kind of argument.
static inline CURLcode tune_curl_set_number(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}
/// curl copies the text.
static inline CURLcode tune_curl_set_text(CURL *handle, CURLoption option, const char *text) {
  return curl_easy_setopt(handle, option, text);
}
static inline CURLcode tune_curl_set_pointer(CURL *handle, CURLoption option, void *pointer) {
  return curl_easy_setopt(handle, option, pointer);
}
static inline CURLcode tune_curl_set_callback(
    CURL *handle, CURLoption option, curl_write_callback callback) {
  return curl_easy_setopt(handle, option, callback);
}
/// The status of the answer, or of a proxy's answer to CONNECT; 0 before there is one.
static inline long tune_curl_status(CURL *handle) {
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  return status;
}
static inline long tune_curl_proxy_status(CURL *handle) {
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_HTTP_CONNECTCODE, &status);
  return status;
}
/// The result of the one transfer of `multi` that has ended; CURLE_OK before.
static inline CURLcode tune_curl_result(CURLM *multi) {
  int left = 0;
  CURLMsg *message;
  CURLcode result = CURLE_OK;
  while ((message = curl_multi_info_read(multi, &left)))
    if (message->msg == CURLMSG_DONE) result = message->data.result;
  return result;
}
