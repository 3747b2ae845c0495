package org.espalier.testkit.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.espalier.testkit.number.Elements;
import org.junit.jupiter.api.Test;

/**
 * The reference backend against logits and hidden states that PyTorch computed of a trained model.
 * The data are too large for the project: {@code -Despalier.reference=FOLDER} names a folder with
 * {@code tiny-tales/hf/} (the model) and {@code tiny-tales/reference/} (the index and the numbers).
 */
class TinyTalesTest {
  private static final double TOLERANCE = 1e-5;

  @Test
  void givesTheLogitsOfPyTorch() throws IOException {
    Path folder = folder();
    ModelPlan plan = HuggingFaceOlmoe.read(folder.resolve("hf"));
    for (Map<String, Object> prompt : prompts(folder)) {
      assertClose(floats(folder, prompt, "logits"), run(plan, prompt), plan.vocabulary(), "logits");
    }
  }

  @Test
  void givesTheHiddenStatesOfPyTorch() throws IOException {
    Path folder = folder();
    ModelPlan plan = HuggingFaceOlmoe.read(folder.resolve("hf"));
    int layers = (plan.stages().size() - 2) / 2;
    for (Map<String, Object> prompt : prompts(folder)) {
      float[] states = floats(folder, prompt, "hidden");
      int size = states.length / (layers + 1);
      for (int layer = 0; layer <= layers; layer++) {
        float[] expected = new float[size];
        System.arraycopy(states, layer * size, expected, 0, size);
        float[] actual = run(plan.slice(0, 1 + 2 * layer), prompt);
        assertClose(expected, actual, plan.width(), "hidden state " + layer);
      }
    }
  }

  private static Path folder() {
    String folder = System.getProperty("espalier.reference");
    assumeTrue(
        folder != null, "needs -Despalier.reference=FOLDER, the folder with the reference data");
    return Path.of(folder, "tiny-tales");
  }

  private static List<Map<String, Object>> prompts(Path folder) throws IOException {
    Path index = folder.resolve("reference/logits_index.json");
    List<Map<String, Object>> prompts = new ArrayList<>();
    Json.asList(Json.object(Files.readString(index)).get("bf16"))
        .forEach(prompt -> prompts.add(Json.asObject(prompt)));
    assertEquals(2, prompts.size());
    return prompts;
  }

  private static float[] floats(Path folder, Map<String, Object> prompt, String key)
      throws IOException {
    Path file = folder.resolve("reference").resolve((String) prompt.get(key));
    MemorySegment bytes = MemorySegment.ofArray(Files.readAllBytes(file));
    float[] values = new float[(int) (bytes.byteSize() / Float.BYTES)];
    for (int i = 0; i < values.length; i++) {
      values[i] = Elements.read(bytes, ElementType.F32, i);
    }
    return values;
  }

  private static float[] run(ModelPlan plan, Map<String, Object> prompt) {
    int[] ids =
        Json.asList(prompt.get("ids")).stream().mapToInt(id -> ((Number) id).intValue()).toArray();
    try (Backend backend = ReferenceBackend.create();
        Executable executable =
            backend
                .compile(plan, CompileOptions.of(Precision.EXACT, ids.length))
                .orElseThrow(Unsupported::new);
        Session session = executable.open(new SessionOptions(ids.length, ElementType.F32))) {
      Rows rows = session.forward(new Activations.Tokens(ids), ids.length);
      float[] values = new float[ids.length * rows.width()];
      for (int row = 0; row < ids.length; row++) {
        rows.read(row, values, row * rows.width());
      }
      return values;
    }
  }

  /** The relative L2 error of every row. */
  private static void assertClose(float[] expected, float[] actual, int width, String what) {
    assertEquals(expected.length, actual.length, what);
    for (int row = 0; row < expected.length / width; row++) {
      double difference = 0;
      double size = 0;
      for (int i = row * width; i < (row + 1) * width; i++) {
        difference += Math.pow((double) actual[i] - expected[i], 2);
        size += Math.pow(expected[i], 2);
      }
      double error = Math.sqrt(difference / size);
      assertTrue(error <= TOLERANCE, what + " of row " + row + ": relative error " + error);
    }
  }
}
