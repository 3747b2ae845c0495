package org.espalier.format.safetensors;

import java.nio.file.Path;
import org.espalier.api.Offer;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;

/**
 * Hugging Face checkpoints: a folder with {@code model.safetensors}, or with shards and {@code
 * model.safetensors.index.json}, or a single {@code .safetensors} file.
 *
 * <p>Numbers of type F32, F16 and BF16 are {@linkplain org.espalier.api.tensor.StorageType.Plain
 * plain}; of every other type they are blocks of the namespace {@code "safetensors"}, which a codec
 * may understand.
 *
 * <p>Metadata come from the JSON files in the same folder, each of which may be missing:
 *
 * <ul>
 *   <li>{@code general.architecture} is {@code model_type} of {@code config.json}; {@code
 *       general.name} is the name of the folder.
 *   <li>Every value of {@code config.json} appears under {@code hf.config.}, of {@code
 *       generation_config.json} under {@code hf.generation_config.}, of {@code
 *       tokenizer_config.json} under {@code hf.tokenizer_config.}: nested names are joined by dots,
 *       nulls left out, whole numbers are of type INT64 and others FLOAT64. Arrays of one kind of
 *       value stay arrays; in others every element has a key that ends in its index.
 *   <li>The tokenizer of {@code tokenizer.json} appears under the keys {@code tokenizer.ggml.} that
 *       GGUF files have, see {@link TokenizerKeys}; a chat template is {@code
 *       tokenizer.chat_template}.
 * </ul>
 *
 * <p>A checkpoint is untrusted. Tensors are mapped, never loaded; lengths, offsets, depth and sizes
 * are checked before anything is allocated for them, and an index cannot lead out of its folder.
 */
public final class SafetensorsFormat implements ModelFormat {

  /** Made by the service loader. */
  public SafetensorsFormat() {}

  @Override
  public String id() {
    return "safetensors";
  }

  /**
   * {@inheritDoc}
   *
   * <p>Declines folders without safetensors and files that do not begin like one.
   *
   * @throws org.espalier.api.EspalierException.InvalidRequest when there is nothing at the path, or
   *     one shard of several
   */
  @Override
  public Offer<ModelArtifact> open(Path path) {
    return CheckpointReader.open(path);
  }
}
