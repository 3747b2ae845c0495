package org.espalier.runtime.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.Flag;
import org.espalier.api.format.MetadataValue.Text;
import org.espalier.api.format.MetadataValue.Whole;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.format.MetadataValue.Wholes;
import org.junit.jupiter.api.Test;

class TokenizerRepairTest {
  private final List<String> notices = new ArrayList<>();

  @Test
  void theRepairedFileHasTheSameTokenizerAndLeavesNothingOpen() {
    Metadata published = Fixtures.olmo();
    Map<String, MetadataValue> missing = TokenizerRepair.missing(published, notices::add);
    assertTrue(notices.size() >= 4, notices.toString());
    assertEquals(
        Set.of(
            "tokenizer.ggml.pre",
            "tokenizer.ggml.token_type",
            "tokenizer.ggml.eos_token_id",
            "tokenizer.ggml.padding_token_id",
            "tokenizer.ggml.add_bos_token"),
        missing.keySet());
    assertEquals(new Text("olmo"), missing.get("tokenizer.ggml.pre"));
    assertEquals(new Whole(WholeType.UINT32, 50279), missing.get("tokenizer.ggml.eos_token_id"));
    assertEquals(new Whole(WholeType.UINT32, 1), missing.get("tokenizer.ggml.padding_token_id"));
    assertEquals(new Flag(false), missing.get("tokenizer.ggml.add_bos_token"));
    Wholes types = (Wholes) missing.get("tokenizer.ggml.token_type");
    assertEquals(50280, types.values().size());
    assertEquals(3, types.values().get(50279), "<|endoftext|> is a control token");
    assertEquals(4, types.values().get(50276), "a run of spaces is kept whole");
    assertEquals(1, types.values().get(1000));

    Metadata repaired = published.with(missing);
    List<String> left = new ArrayList<>();
    Tokenizer after = Tokenizer.of(repaired, TokenizerCompatibility.HUGGING_FACE, left::add);
    assertEquals(List.of(), left);
    Tokenizer before = Tokenizer.of(published, TokenizerCompatibility.HUGGING_FACE, _ -> {});
    assertEquals(before.fingerprint(), after.fingerprint());
    assertEquals(Map.of(), TokenizerRepair.missing(repaired, left::add));
    assertEquals(List.of(), left);
  }

  @Test
  void whatSaysNothingIsReplacedAndWhatSaysSomethingIsKept() {
    Metadata metadata =
        Fixtures.metadata(List.of("a", "b", "ab", "<|endoftext|>"), List.of("a b"))
            .with(
                Map.of(
                    "tokenizer.ggml.pre", new Text("default"),
                    "tokenizer.ggml.eos_token_id", new Whole(WholeType.UINT32, 99),
                    "tokenizer.ggml.token_type",
                        new Wholes(WholeType.INT32, List.of(1L, 1L, 1L, 4L)),
                    "tokenizer.ggml.add_bos_token", new Flag(true),
                    "tokenizer.ggml.bos_token_id", new Whole(WholeType.UINT32, 3)));
    Map<String, MetadataValue> missing = TokenizerRepair.missing(metadata, notices::add);
    assertEquals(Set.of("tokenizer.ggml.pre", "tokenizer.ggml.eos_token_id"), missing.keySet());
    assertEquals(new Whole(WholeType.UINT32, 3), missing.get("tokenizer.ggml.eos_token_id"));
  }

  @Test
  void withoutAVocabularyThereIsNothingToRepair() {
    assertThrows(
        MalformedModel.class, () -> TokenizerRepair.missing(Metadata.empty(), notices::add));
  }
}
