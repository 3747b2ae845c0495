package org.espalier.runtime.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.junit.jupiter.api.Test;

/** What makes two tokenizers the same. */
class FingerprintTest {
  /** Tokens of one byte, some of a kind of their own after them. */
  private static Tokenizer tokenizer(int... kinds) {
    List<String> names = new ArrayList<>(Fixtures.bytesAnd("ab"));
    List<Long> types = new ArrayList<>();
    names.forEach(name -> types.add(1L));
    for (int i = 0; i < kinds.length; i++) {
      names.add("[extra%d]".formatted(i));
      types.add((long) kinds[i]);
    }
    Map<String, MetadataValue> entries = new LinkedHashMap<>();
    entries.put("tokenizer.ggml.model", new MetadataValue.Text("gpt2"));
    entries.put("tokenizer.ggml.pre", new MetadataValue.Text("olmo"));
    entries.put("tokenizer.ggml.tokens", new MetadataValue.Texts(names));
    entries.put("tokenizer.ggml.merges", new MetadataValue.Texts(List.of("a b")));
    entries.put(
        "tokenizer.ggml.token_type",
        new MetadataValue.Wholes(MetadataValue.WholeType.INT32, types));
    return Fixtures.quiet(new Metadata(entries));
  }

  @Test
  void unusedTokensAtTheEndDoNotCount() {
    Tokenizer bare = tokenizer(4);
    Tokenizer padded = tokenizer(4, 5, 5, 5);
    assertEquals(bare.fingerprint(), padded.fingerprint());
    assertEquals(258, bare.usedSize());
    assertEquals(258, padded.usedSize());
    assertEquals(261, padded.size());
    assertEquals(257, tokenizer(5).usedSize());
  }

  @Test
  void othersDo() {
    assertNotEquals(tokenizer(4).fingerprint(), tokenizer(5, 4).fingerprint());
    assertNotEquals(tokenizer(4).fingerprint(), tokenizer(4, 4).fingerprint());
    assertNotEquals(tokenizer(4).fingerprint(), tokenizer(3).fingerprint());
    assertEquals(259, tokenizer(5, 4).usedSize());
  }
}
