package org.espalier.datasets;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedData;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.runtime.tokenizer.TokenizerCompatibility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CorpusTest {
  @TempDir private Path folder;

  private String text(DataFile file, CorpusOptions options) {
    return Corpus.text(file, options, notice -> {});
  }

  private static CorpusOptions options(String join, boolean wikiTextRows) {
    return new CorpusOptions("text", join, wikiTextRows, false, 0);
  }

  @Test
  void aPlainFileIsTakenAsItIs() {
    DataFile file = Resources.written(folder, "a.txt", " one\n\n two \n\n");
    assertEquals(" one\n\n two \n\n", text(file, CorpusOptions.DEFAULT));
  }

  @Test
  void wikiTextRowsAreRebuilt() {
    // Rows: " = T = \n", "", " a b \n", "", "": a blank line is an empty row.
    DataFile file = Resources.written(folder, "wiki.raw", " = T = \n \n a b \n\n \n");
    assertEquals(
        " = T = \n" + "\n\n" + "" + "\n\n" + " a b \n" + "\n\n" + "" + "\n\n" + "",
        text(file, options("\n\n", true)));
    DataFile rows = Resources.written(folder, "rows.jsonl", "{\"text\": \"a\"}");
    assertThrows(InvalidRequest.class, () -> text(rows, options("\n\n", true)));
  }

  @Test
  void rowsAreJoined() {
    DataFile lines =
        Resources.written(
            folder, "rows.jsonl", "{\"text\": \"a\"}\n{\"text\": \"\"}\n{\"text\": \"b\\n\"}\n");
    assertEquals("a\n\n\n\nb\n", text(lines, CorpusOptions.DEFAULT));
    assertEquals("a||b\n", text(lines, options("|", false)));
    DataFile table = Resources.file(CorpusTest.class, folder, "texts-snappy.parquet");
    assertEquals(
        "The fox sat on the stone.\n--It rained: — für drei Tage. 🦊\n",
        text(table, options("-", false)));
    CorpusOptions other = new CorpusOptions("body", "", false, false, 0);
    MalformedData failure = assertThrows(MalformedData.class, () -> text(lines, other));
    assertTrue(failure.getMessage().contains("line 1"), failure.getMessage());
    assertTrue(failure.getMessage().contains("'body'"), failure.getMessage());
  }

  @Test
  void documentsAreEncodedOnTheirOwn() {
    Tokenizer tokenizer = tokenizer();
    DataFile lines =
        Resources.written(
            folder,
            "rows.jsonl",
            "{\"text\": \"ab\"}\n{\"text\": \"a\"}\n{\"text\": \"ba\"}\nnot json");
    CorpusOptions five = new CorpusOptions("text", "", false, true, 4);
    // ab a b|a: the third document is cut, and the broken line after it never read.
    assertArrayEquals(
        new int[] {2, 0, 1, 0},
        Corpus.tokens(lines, five, tokenizer, (t, text) -> new int[0], notice -> {}));
    CorpusOptions joined = new CorpusOptions("text", "", false, false, 3);
    DataFile three =
        Resources.written(
            folder, "three.jsonl", "{\"text\": \"a\"}\n{\"text\": \"ba\"}\n{\"text\": \"bb\"}");
    assertArrayEquals(
        new int[] {2, 2, 1},
        Corpus.tokens(three, joined, tokenizer, (t, text) -> t.encode(text, false), notice -> {}));
    DataFile plain = Resources.written(folder, "plain.txt", "ab");
    assertThrows(
        InvalidRequest.class,
        () -> Corpus.tokens(plain, five, tokenizer, (t, text) -> new int[0], notice -> {}));
    assertThrows(InvalidRequest.class, () -> new CorpusOptions("text", "", false, false, -1));
  }

  private static Tokenizer tokenizer() {
    Map<String, MetadataValue> entries = new LinkedHashMap<>();
    entries.put("tokenizer.ggml.model", new MetadataValue.Text("gpt2"));
    entries.put("tokenizer.ggml.pre", new MetadataValue.Text("olmo"));
    entries.put(
        "tokenizer.ggml.tokens", new MetadataValue.Texts(List.of("a", "b", "ab", "<|endoftext|>")));
    entries.put("tokenizer.ggml.merges", new MetadataValue.Texts(List.of("a b")));
    return Tokenizer.of(new Metadata(entries), TokenizerCompatibility.HUGGING_FACE, notice -> {});
  }
}
