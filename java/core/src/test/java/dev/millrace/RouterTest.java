// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RouterTest {

  private final Router<String> router = new Router<>();

  private Optional<String> target(String path) throws Router.MalformedPathException {
    return router.find(path).map(Router.Match::target);
  }

  @Test
  void findsExactPathsOnly() throws Exception {
    router.add("/", "root");
    router.add("/echo", "echo");
    router.add("/echo/", "slash");

    assertThat(target("/")).contains("root");
    assertThat(target("/echo")).contains("echo");
    assertThat(target("/echo/")).contains("slash");
    assertThat(target("/ech")).isEmpty();
    assertThat(target("/echo2")).isEmpty();
    assertThat(target("/Echo")).isEmpty();
    assertThat(target("//echo")).isEmpty();
    assertThat(target("/echo/more")).isEmpty();
  }

  @Test
  void takesParametersInOrder() throws Exception {
    router.add("/rooms/{room}/users/{user}", "user");

    Router.Match<String> match = router.find("/rooms/blue/users/ada").orElseThrow();

    assertThat(match.pattern()).isEqualTo("/rooms/{room}/users/{user}");
    assertThat(match.parameters()).containsExactly(entry("room", "blue"), entry("user", "ada"));
  }

  @Test
  void aParameterTakesOneSegmentThatIsNotEmpty() throws Exception {
    router.add("/rooms/{room}", "room");

    assertThat(target("/rooms/")).isEmpty();
    assertThat(target("/rooms")).isEmpty();
    assertThat(target("/rooms/a/b")).isEmpty();
    assertThat(target("/rooms/a/")).isEmpty();
  }

  @Test
  void aLiteralBeatsAParameterWhicheverWasAddedFirst() throws Exception {
    router.add("/rooms/{room}", "any");
    router.add("/rooms/lobby", "lobby");
    router.add("/teams/red", "red");
    router.add("/teams/{team}", "any team");

    assertThat(target("/rooms/lobby")).contains("lobby");
    assertThat(target("/rooms/lobby2")).contains("any");
    assertThat(target("/teams/red")).contains("red");
  }

  @Test
  void triesTheParameterWhereTheLiteralLeadsNowhere() throws Exception {
    router.add("/a/{x}/c", "parameter first");
    router.add("/a/b/d", "literal first");

    Router.Match<String> match = router.find("/a/b/c").orElseThrow();

    assertThat(match.target()).isEqualTo("parameter first");
    assertThat(match.parameters()).containsExactly(entry("x", "b"));
  }

  @Test
  void forgetsParametersOfAWayThatLedNowhere() throws Exception {
    router.add("/{a}/{b}/end", "deep");
    router.add("/{c}/fixed/{d}/{e}", "other");

    assertThat(router.find("/1/fixed/2/3").orElseThrow().parameters())
        .containsExactly(entry("c", "1"), entry("d", "2"), entry("e", "3"));
    assertThat(router.find("/1/fixed/end").orElseThrow().parameters())
        .containsExactly(entry("a", "1"), entry("b", "fixed"));
  }

  @Test
  void decodesSegmentsAfterSplitting() throws Exception {
    router.add("/files/{name}", "file");
    router.add("/käse", "cheese");

    assertThat(router.find("/files/a%2Fb%20c").orElseThrow().parameters())
        .containsExactly(entry("name", "a/b c"));
    assertThat(router.find("/files/%E2%82%AC+1").orElseThrow().parameters())
        .containsExactly(entry("name", "€+1"));
    assertThat(target("/k%C3%A4se")).contains("cheese");
    assertThat(target("/%66iles/x")).contains("file");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"/%", "/%4", "/%zz", "/a%2", "/%-1", "/%+1", "/%C3", "/%ff", "/%C0%AF", "/\u00e4"})
  void refusesMalformedEscapes(String path) {
    router.add("/{x}", "any");

    assertThatThrownBy(() -> router.find(path)).isInstanceOf(Router.MalformedPathException.class);
  }

  @Test
  void refusesMalformedEscapesAlsoWhereNothingIs() {
    assertThatThrownBy(() -> router.find("/nowhere/%zz"))
        .isInstanceOf(Router.MalformedPathException.class);
    assertThatThrownBy(() -> router.find("nowhere"))
        .isInstanceOf(Router.MalformedPathException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "echo",
        "/a?b",
        "/a#b",
        "/{",
        "/}",
        "/{}",
        "/a{b}",
        "/{b}c",
        "/{a b}",
        "/{{a}}",
        "/{a}/{a}"
      })
  void refusesWhatIsNoPattern(String pattern) {
    assertThatIllegalArgumentException().isThrownBy(() -> router.add(pattern, "x"));
  }

  @Test
  void refusesTwoPatternsForTheSamePaths() {
    router.add("/rooms/{room}", "first");

    assertThatIllegalArgumentException()
        .isThrownBy(() -> router.add("/rooms/{name}", "second"))
        .withMessage("route is there already: pattern=/rooms/{name}, first=/rooms/{room}");
  }

  @Test
  void aCopyDoesNotSeeLaterAdditions() throws Exception {
    router.add("/a", "a");
    Router<String> copy = router.copy();
    router.add("/b", "b");

    assertThat(copy.find("/a")).isPresent();
    assertThat(copy.find("/b")).isEmpty();
  }

  /** A path of as many segments as a request line holds, against a tree that backtracks. */
  @Test
  void isNotMadeDeepOrSlowByALongPath() throws Exception {
    for (int depth = 1; depth <= 12; depth++) {
      router.add("/{a}" + "/x".repeat(depth) + "/end", "d" + depth);
      router.add("/x".repeat(depth) + "/{z}/end" + depth, "z" + depth);
    }

    assertThat(target("/x".repeat(200_000))).isEmpty();
  }

  @Test
  void findsEveryOneOfManyLiterals() throws Exception {
    List<String> paths = new ArrayList<>();
    for (int i = 0; i < 500; i++) {
      paths.add("/" + Integer.toString(i * 7919 % 500, 36) + "/a");
      paths.add("/" + Integer.toString(i * 7919 % 500, 36) + "/ab");
    }
    paths.forEach(path -> router.add(path, path));

    for (String path : paths) {
      assertThat(target(path)).contains(path);
    }
    assertThat(target("/0/aa")).isEmpty();
    assertThat(target("/zzz/a")).isEmpty();
  }

  @Test
  void anEscapedSlashDividesNothingAndAnEscapedLiteralIsFound() throws Exception {
    router.add("/a/b", "two segments");
    router.add("/{one}", "one segment");

    assertThat(target("/a%2Fb")).contains("one segment");
    assertThat(target("/%61/%62")).contains("two segments");
    assertThat(router.find("/a%2fb").orElseThrow().parameters())
        .containsExactly(entry("one", "a/b"));
  }

  @Test
  void parametersAreAMapThatCannotBeChanged() throws Exception {
    router.add("/{a}/{b}", "two");

    Map<String, String> parameters = router.find("/1/2").orElseThrow().parameters();

    assertThat(parameters).isEqualTo(Map.of("a", "1", "b", "2")).hasToString("{a=1, b=2}");
    assertThat(parameters.get("c")).isNull();
    assertThat(parameters.containsKey("c")).isFalse();
    assertThatThrownBy(() -> parameters.put("a", "3"))
        .isInstanceOf(UnsupportedOperationException.class);
    assertThatThrownBy(parameters::clear).isInstanceOf(UnsupportedOperationException.class);
  }
}
