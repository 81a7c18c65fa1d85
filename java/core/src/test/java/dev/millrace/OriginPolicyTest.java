// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** RFC 6455 10.2. */
class OriginPolicyTest {

  private static final OriginPolicy SAME_ONLY = OriginPolicy.of(Set.of());

  private static boolean same(String origin, String host) {
    return SAME_ONLY.permits(List.of(origin), null, Optional.of(host));
  }

  @ParameterizedTest
  @CsvSource({
    "http://example.com, example.com",
    "http://example.com:80, example.com",
    "http://example.com, example.com:80",
    "http://EXAMPLE.com, example.COM",
    "http://localhost:9001, localhost:9001",
    "http://127.0.0.1:9001, 127.0.0.1:9001",
    "http://[::1]:9001, [::1]:9001",
  })
  void permitsItsOwnPages(String origin, String host) {
    assertThat(same(origin, host)).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "http://example.com, example.com:9001",
    "http://example.com:9001, example.com:9002",
    "http://example.com:9001, example.com",
    "https://example.com, example.com",
    "http://evil.com, example.com",
    "http://example.com.evil.com, example.com",
    "http://evilexample.com, example.com",
    "http://example.com@evil.com, example.com",
    "http://localhost:9001, 127.0.0.1:9001",
    "http://example.com/, example.com",
    "http://example.com/path, example.com",
    "example.com, example.com",
    "null, example.com",
    "'', example.com",
    "http://example.com, ''",
    "http://example.com, user@example.com",
    "http://a b, a b",
  })
  void refusesOthers(String origin, String host) {
    assertThat(same(origin, host)).isFalse();
  }

  /** Where a trusted proxy says in which scheme the page's request was made. */
  @ParameterizedTest
  @CsvSource({
    "https://example.com, https, example.com, true",
    "https://example.com, HTTPS, example.com:443, true",
    "https://example.com:8443, https, example.com:8443, true",
    "https://example.com, wss, example.com, true",
    "http://example.com, http, example.com, true",
    "http://example.com, ws, example.com, true",
    "https://example.com, http, example.com, false",
    "http://example.com, https, example.com, false",
    "http://example.com:443, https, example.com, false",
    "https://example.com:8443, https, example.com, false",
    "https://example.com, https, example.com:80, false",
    "https://evil.com, https, example.com, false",
    "https://example.com, ftp, example.com, false",
    "https://example.com, '', example.com, false",
    "https://example.com, https://, example.com, false",
    "https://example.com, https, 'example.com, evil.com', false",
  })
  void ownPagesBehindAProxyAreThoseOfTheScheme(
      String origin, String scheme, String host, boolean expected) {
    assertThat(SAME_ONLY.permits(List.of(origin), scheme, Optional.of(host))).isEqualTo(expected);
  }

  @Test
  void withoutAnOriginNobodyIsABrowser() {
    assertThat(SAME_ONLY.permits(List.of(), null, Optional.of("example.com"))).isTrue();
  }

  @Test
  void withoutAHostNoOriginIsTheSame() {
    assertThat(SAME_ONLY.permits(List.of("http://example.com"), null, Optional.empty())).isFalse();
  }

  @Test
  void twoOriginsAreNone() {
    assertThat(
            SAME_ONLY.permits(
                List.of("http://example.com", "http://example.com"),
                null,
                Optional.of("example.com")))
        .isFalse();
  }

  @Test
  void permitsOthersByName() {
    OriginPolicy policy =
        OriginPolicy.of(OriginPolicy.requireNames("https://Example.com", "http://localhost:3000"));

    assertThat(policy.permits(List.of("https://example.com:443"), null, Optional.of("x"))).isTrue();
    assertThat(policy.permits(List.of("http://localhost:3000"), null, Optional.of("x"))).isTrue();
    assertThat(policy.permits(List.of("http://example.com"), null, Optional.of("x"))).isFalse();
    assertThat(policy.permits(List.of("http://localhost:3001"), null, Optional.of("x"))).isFalse();
    assertThat(policy.permits(List.of("null"), null, Optional.of("x"))).isFalse();
    assertThat(policy.permits(List.of("http://x"), null, Optional.of("x"))).isTrue();
  }

  @Test
  void permitsAllOnlyWhenToldSo() {
    OriginPolicy all = OriginPolicy.of(OriginPolicy.requireNames("*"));
    OriginPolicy opaque = OriginPolicy.of(OriginPolicy.requireNames("null"));

    assertThat(all.permits(List.of("http://evil.com"), null, Optional.of("x"))).isTrue();
    assertThat(all.permits(List.of("null"), null, Optional.of("x"))).isTrue();
    assertThat(SAME_ONLY.permits(List.of("*"), null, Optional.of("*"))).isFalse();
    assertThat(opaque.permits(List.of("null"), null, Optional.of("x"))).isTrue();
    assertThat(opaque.permits(List.of("http://evil.com"), null, Optional.of("x"))).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "example.com", "http://", "http://a/", "http://a?b", "http://*", "a:b"})
  void refusesNamesThatNoOriginHas(String name) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> OriginPolicy.requireNames(name))
        .withMessageContaining("name=" + name + ";");
  }
}
