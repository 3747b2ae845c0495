package org.espalier.datasets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedData;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DataFileTest {
  @TempDir private Path folder;

  @Test
  void moduleIsNamed() {
    assertTrue(DataFile.class.getModule().isNamed());
  }

  @ParameterizedTest
  @CsvSource({
    "a.jsonl, JSONL",
    "a.JSON, JSONL",
    "a.json.gz, JSONL",
    "a.ndjson, JSONL",
    "a.txt, TEXT",
    "a.raw, TEXT",
    "a, TEXT",
    "jsonl, TEXT",
    "a.parquet, TEXT"
  })
  void theNameTellsLinesFromText(String name, DataKind kind) {
    assertEquals(kind, Resources.written(folder, name, "{}").kind());
  }

  @Test
  void theHashIsThatOfTheBytes() {
    assertEquals(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        Resources.written(folder, "a", "abc").sha256());
    assertEquals(
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        Resources.written(folder, "b", "").sha256());
  }

  @ParameterizedTest
  @ValueSource(strings = {"snappy", "gzip", "none"})
  void parquetRows(String compression) {
    DataFile file = Resources.file(DataFileTest.class, folder, "texts-" + compression + ".parquet");
    assertEquals(DataKind.PARQUET, file.kind());
    List<DataRow> rows = Resources.rows(file);
    assertEquals(
        List.of("The fox sat on the stone.\n", "", "It rained: — für drei Tage. 🦊\n"),
        rows.stream().map(row -> row.text("text")).toList());
    assertEquals(List.of(1, 2, 3), rows.stream().map(row -> row.whole("id")).toList());
    assertTrue(rows.get(2).place().endsWith(".parquet, row 3"), rows.get(2).place());
    List<DataRow> some = new ArrayList<>();
    file.rows(row -> {
      some.add(row);
      return some.size() < 2;
    });
    assertEquals(2, some.size());
  }

  @Test
  void damagedParquetIsNamed() throws IOException {
    DataFile file = Resources.file(DataFileTest.class, folder, "texts-snappy.parquet");
    byte[] bytes = Files.readAllBytes(file.path());
    for (int length : new int[] {4, 5, 12, bytes.length / 2, bytes.length - 1}) {
      Path path = folder.resolve("cut" + length + ".parquet");
      Files.write(path, Arrays.copyOf(bytes, length));
      DataFile cut = DataFile.open(path);
      MalformedData failure = assertThrows(MalformedData.class, () -> Resources.rows(cut));
      assertTrue(failure.getMessage().startsWith(path.toString()), failure.getMessage());
    }
  }

  @Test
  void linesOfJson() {
    String content =
        """
        {"text": "a\\u00e9\\n", "n": 3, "big": 12345678901, "half": 0.5, "none": null}

          {"list": ["x", "y"], "inner": {"text": "deep"}, "rows": [{"t": "1"}, {"t": "2"}]}\s\r
        {"label": "2"}\
        """;
    DataFile file = Resources.written(folder, "rows.jsonl", content);
    List<DataRow> rows = Resources.rows(file);
    assertEquals(3, rows.size());
    assertEquals("aé\n", rows.get(0).text("text"));
    assertEquals(3, rows.get(0).whole("n"));
    assertFalse(rows.get(0).has("none"));
    assertEquals(List.of("x", "y"), rows.get(1).texts("list"));
    assertEquals("deep", rows.get(1).row("inner").text("text"));
    assertEquals("2", rows.get(1).rows("rows").get(1).text("t"));
    assertEquals(2, rows.get(2).whole("label"));
    assertEquals(folder.resolve("rows.jsonl") + ", line 3", rows.get(1).place());
    assertEquals(folder.resolve("rows.jsonl") + ", line 4", rows.get(2).place());
    for (String field : List.of("big", "half", "text", "none", "other")) {
      MalformedData failure =
          assertThrows(MalformedData.class, () -> rows.getFirst().whole(field), field);
      assertTrue(failure.getMessage().startsWith(rows.getFirst().place()), failure.getMessage());
      assertTrue(failure.getMessage().contains("'" + field + "'"), failure.getMessage());
    }
    assertThrows(MalformedData.class, () -> rows.get(0).texts("text"));
    assertThrows(MalformedData.class, () -> rows.get(0).row("n"));
    assertThrows(MalformedData.class, () -> rows.get(0).text("n"));
    assertThrows(MalformedData.class, () -> rows.get(1).texts("rows"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"a\": ",
        "[1, 2]",
        "17",
        "{} {}",
        "not json",
        "{\"a\": 1}}",
        "{'a': 1}",
        "{\"a\": \"\\ud83d",
        "\u0000"
      })
  void malformedLinesAreNamed(String line) {
    DataFile file = Resources.written(folder, "bad.jsonl", "{}\n{}\n" + line + "\n{}\n");
    List<DataRow> before = new ArrayList<>();
    MalformedData failure = assertThrows(MalformedData.class, () -> file.rows(before::add));
    assertTrue(
        failure.getMessage().startsWith(folder.resolve("bad.jsonl") + ", line 3: "),
        failure.getMessage());
    assertEquals(2, before.size());
  }

  @Test
  void linesThatAreNotUtf8AreNamed() throws IOException {
    Path path = folder.resolve("bytes.jsonl");
    Files.write(path, new byte[] {'{', '}', '\n', '{', '"', (byte) 0xC3, '"', ':', '1', '}'});
    DataFile file = DataFile.open(path);
    MalformedData failure = assertThrows(MalformedData.class, () -> Resources.rows(file));
    assertEquals(path + ", line 2: not UTF-8", failure.getMessage());
  }

  @Test
  void gzipIsRead() throws IOException {
    Path path = Files.write(folder.resolve("rows.json.gz"), gzip("{\"text\": \"a\"}\n"));
    assertEquals("a", Resources.rows(DataFile.open(path)).getFirst().text("text"));
    Path text = Files.write(folder.resolve("text.gz"), gzip("once"));
    assertEquals("once", DataFile.open(text).text(notice -> {}));
    byte[] whole = gzip("some longer text, some longer text");
    Path cut = Files.write(folder.resolve("cut.gz"), Arrays.copyOf(whole, whole.length - 9));
    MalformedData failure =
        assertThrows(MalformedData.class, () -> DataFile.open(cut).text(notice -> {}));
    assertTrue(failure.getMessage().startsWith(cut.toString()), failure.getMessage());
  }

  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
    return bytes.toByteArray();
  }

  @Test
  void textThatIsNotUtf8IsReadWithANotice() throws IOException {
    Path path = Files.write(folder.resolve("text"), new byte[] {'a', (byte) 0xFF, 'b'});
    List<String> notices = new ArrayList<>();
    assertEquals("a\uFFFDb", DataFile.open(path).text(notices::add));
    assertEquals(1, notices.size());
    assertTrue(notices.getFirst().contains(path.toString()), notices.getFirst());
  }

  @Test
  void whatIsNotThereIsSaid() {
    assertThrows(InvalidRequest.class, () -> DataFile.open(folder.resolve("none")));
    assertThrows(InvalidRequest.class, () -> DataFile.open(folder));
  }
}
