package org.espalier.runtime.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.espalier.runtime.tokenizer.Fixtures.Case;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What Hugging Face's tokenizers make of some texts. */
class TokenizerCasesTest {
  private static final Tokenizer OLMO = Fixtures.quiet(Fixtures.olmo());
  private static final Tokenizer TINY_TALES = Fixtures.quiet(Fixtures.tinyTales());

  @Test
  void moduleIsNamed() {
    assertTrue(Tokenizer.class.getModule().isNamed());
  }

  static Stream<Case> olmo() {
    return Fixtures.cases("olmo-cases.jsonl").stream();
  }

  @ParameterizedTest
  @MethodSource("olmo")
  void olmoAsHuggingFace(Case expected) {
    check(OLMO, expected);
  }

  static Stream<Case> tinyTales() {
    return Fixtures.cases("tiny-tales-cases.jsonl").stream();
  }

  @ParameterizedTest
  @MethodSource("tinyTales")
  void tinyTalesAsHuggingFace(Case expected) {
    check(TINY_TALES, expected);
  }

  @Test
  void tinyTalesDecodesAsHuggingFace() {
    List<String> lines =
        new String(Fixtures.resource("tiny-tales-cases.jsonl"), UTF_8).lines().toList();
    for (String line : lines) {
      Map<String, Object> json = Json.object(line);
      int[] ids = Json.ids(json.get("ids"));
      assertEquals(json.get("decoded"), TINY_TALES.decode(ids), line);
    }
    assertFalse(lines.isEmpty());
  }

  private static void check(Tokenizer tokenizer, Case expected) {
    int[] ids = tokenizer.encode(expected.text(), true);
    assertArrayEquals(expected.ids(), ids, expected.text());
    assertEquals(Normalizer.normalize(expected.text(), Normalizer.Form.NFC), tokenizer.decode(ids));
  }

  @Test
  void allReferenceCases() throws IOException {
    Path folder = reference();
    Path olmo = folder.resolve("olmo-tokenizer/cases.jsonl");
    List<String> lines = Files.readAllLines(olmo);
    assertTrue(lines.size() >= 247);
    lines.stream().map(Case::of).forEach(expected -> check(OLMO, expected));
    Path tiny = folder.resolve("tiny-tales/reference/tokenizer_cases.jsonl");
    lines = Files.readAllLines(tiny);
    assertTrue(lines.size() >= 224);
    lines.stream().map(Case::of).forEach(expected -> check(TINY_TALES, expected));
  }

  @Test
  void fixtureIsTheReferenceTokenizer() throws IOException {
    Path file = reference().resolve("olmo-tokenizer/tokenizer.json");
    Map<String, Object> json = Json.object(Files.readString(file));
    Map<String, Object> model = Json.asObject(json.get("model"));
    Map<Long, String> tokens = new TreeMap<>();
    Json.asObject(model.get("vocab")).forEach((name, id) -> tokens.put((Long) id, name));
    for (Object added : (List<?>) json.get("added_tokens")) {
      Map<String, Object> token = Json.asObject(added);
      tokens.put((Long) token.get("id"), (String) token.get("content"));
    }
    assertEquals(
        Fixtures.metadata(List.copyOf(tokens.values()), Json.texts(model.get("merges"))),
        Fixtures.olmo());
  }

  private static Path reference() {
    String folder = System.getProperty("espalier.reference");
    assumeTrue(
        folder != null, "needs -Despalier.reference=FOLDER, the folder with the reference data");
    return Path.of(folder);
  }
}
