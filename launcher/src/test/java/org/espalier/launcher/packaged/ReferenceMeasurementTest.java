package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.jr.ob.JSON;

/**
 * The packaged program against numbers that PyTorch gave for the same models and data. These are
 * too large for the project: {@code -Despalier.reference=FOLDER} names a folder with them.
 */
class ReferenceMeasurementTest {
  private Path folder = Path.of("");

  @BeforeEach
  void findReference() {
    String property = System.getProperty("espalier.reference");
    assumeTrue(property != null, "needs -Despalier.reference=FOLDER with the reference data");
    folder = Path.of(property);
  }

  private String model(String name) {
    return folder.resolve("tiny-tales/gguf/tiny-tales-" + name + ".gguf").toString();
  }

  private String text() {
    return folder.resolve("tiny-tales/corpus/test_plain.txt").toString();
  }

  private Map<String, Object> reference(String name) throws Exception {
    return JSON.std.mapFrom(Files.readString(folder.resolve("tiny-tales/reference").resolve(name)));
  }

  private static double number(Map<String, Object> fields, String... path) {
    Object value = fields;
    for (String name : path) {
      value = ((Map<?, ?>) value).get(name);
    }
    return ((Number) value).doubleValue();
  }

  @ParameterizedTest
  @CsvSource({
    "bf16, bf16, llama, A, 256",
    "bf16, bf16, llama, A, 512",
    "bf16, bf16, llama, A, 1024",
    "bf16, bf16, hf, B, 256",
    "bf16, bf16, hf, B, 512",
    "bf16, bf16, hf, B, 1024",
    "qtip, qtip_f16scale, llama, A, 256",
    "qtip, qtip_f16scale, llama, A, 512",
    "qtip, qtip_f16scale, llama, A, 1024",
    "qtip, qtip_f16scale, hf, B, 256",
    "qtip, qtip_f16scale, hf, B, 512",
    "qtip, qtip_f16scale, hf, B, 1024"
  })
  void perplexity(String model, String key, String protocol, String letter, int window)
      throws Exception {
    Measured measured =
        Measured.by(
            "perplexity",
            "-m",
            model(model),
            "-f",
            text(),
            "--protocol",
            protocol,
            "-c",
            String.valueOf(window));
    double expected = number(reference("ppl.json"), key, "test_plain_" + window, letter, "ppl");
    assertEquals(expected, measured.number("ppl"), 5e-4 * expected);
  }

  @Test
  void divergence() throws Exception {
    Path saved = Files.createTempFile(Path.of("target"), "reference", ".ref");
    Measured measured =
        Measured.by(
            "compare",
            "-m",
            model("qtip"),
            "--reference",
            model("bf16"),
            "-f",
            text(),
            "--save-reference",
            saved.toString());
    Map<String, Object> expected = reference("kl_qtip_vs_bf16.json");
    for (String field : List.of("mean_kl", "median_kl", "p99_kl")) {
      double value = number(expected, "test_plain", field);
      assertEquals(value, measured.number(field), 0.01 * value, field);
    }
    assertEquals(
        number(expected, "test_plain", "top1_agreement"), measured.number("top1_agreement"), 5e-4);
    assertEquals(
        number(expected, "test_plain", "mean_delta_loglik"),
        measured.number("mean_delta_loglik"),
        2e-4);
    assertEquals(4080, measured.number("common_tokens"));
    Measured again =
        Measured.by("compare", "-m", model("qtip"), "--reference", saved.toString(), "-f", text());
    assertEquals(
        measured.number("mean_kl"), again.number("mean_kl"), 0.005 * measured.number("mean_kl"));
    assertEquals(measured.number("top1_agreement"), again.number("top1_agreement"));
  }

  @Test
  void piqa() throws Exception {
    Measured measured =
        Measured.by(
            "evaluate",
            "-m",
            model("bf16"),
            "--task",
            "piqa",
            "--data",
            folder.resolve("piqa/valid.jsonl").toString(),
            "--labels",
            folder.resolve("piqa/valid-labels.lst").toString());
    Map<String, Object> expected = reference("piqa_bf16.json");
    assertEquals(1838, measured.number("n"));
    assertEquals(number(expected, "acc"), measured.number("acc"), 1e-12);
    assertEquals(number(expected, "acc_norm"), measured.number("acc_norm"), 1e-12);
    List<?> rows = (List<?>) expected.get("rows");
    List<Map<String, Object>> questions = measured.objects("questions");
    for (int i = 0; i < 1838; i++) {
      Map<?, ?> row = (Map<?, ?>) rows.get(i);
      Map<String, Object> question = questions.get(i);
      double[] values = Measured.numbers(row.get("ll"));
      double[] found = Measured.numbers(question.get("ll"));
      assertEquals(values[0], found[0], 2e-3, "question " + i);
      assertEquals(values[1], found[1], 2e-3, "question " + i);
      for (String field : List.of("tokens", "chars")) {
        assertEquals(
            Arrays.toString(Measured.numbers(row.get(field))),
            Arrays.toString(Measured.numbers(question.get(field))),
            field + " of question " + i);
      }
    }
  }
}
