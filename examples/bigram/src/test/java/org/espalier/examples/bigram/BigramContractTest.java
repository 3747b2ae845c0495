package org.espalier.examples.bigram;

import static org.espalier.api.tensor.ElementType.F32;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.Text;
import org.espalier.api.format.MetadataValue.Texts;
import org.espalier.api.format.MetadataValue.Whole;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.model.Architecture;
import org.espalier.testkit.contract.ArchitectureContract;
import org.espalier.testkit.fixture.MemoryArtifact;
import org.espalier.testkit.fixture.RandomTensors;
import org.junit.jupiter.api.Test;

class BigramContractTest extends ArchitectureContract {
  @Override
  protected Architecture architecture() {
    return new BigramArchitecture();
  }

  @Override
  protected ModelArtifact artifact() {
    Map<String, MetadataValue> metadata = new LinkedHashMap<>();
    metadata.put("general.architecture", new Text("bigram"));
    metadata.put("bigram.embedding_length", new Whole(WholeType.UINT32, 12));
    metadata.put("bigram.context_length", new Whole(WholeType.UINT32, 64));
    metadata.put(
        "tokenizer.ggml.tokens",
        new Texts(IntStream.range(0, 19).mapToObj(id -> "token" + id).toList()));
    RandomTensors random = new RandomTensors(3);
    return MemoryArtifact.of(
        metadata,
        List.of(
            random.plain("token_embd.weight", F32, 19, 12),
            random.plain("output_norm.weight", F32, 12),
            random.plain("output.weight", F32, 19, 12)));
  }

  @Test
  void runsAsANamedModule() {
    assertTrue(BigramArchitecture.class.getModule().isNamed());
  }
}
