import module java.base;
import module org.espalier.api;

import org.espalier.api.format.MetadataValue.Text;
import org.espalier.api.format.MetadataValue.Whole;
import org.espalier.api.format.MetadataValue.WholeType;

/**
 * Makes a bigram model of the embedding, the head and the tokenizer of another model:
 *
 * <pre>java -p MODULES --add-modules ALL-MODULE-PATH BigramModel.java IN OUT</pre>
 */
void main(String[] args) {
  ModelFormat gguf =
      ServiceLoader.load(ModelFormat.class).stream()
          .map(ServiceLoader.Provider::get)
          .filter(format -> format.id().equals("gguf"))
          .findFirst()
          .orElseThrow();
  try (ModelArtifact in =
      gguf.open(Path.of(args[0])).orElseThrow(EspalierException.Unsupported::new)) {
    List<Tensor> tensors =
        Stream.of("token_embd.weight", "output_norm.weight", "output.weight")
            .map(in.tensors()::get)
            .toList();
    long width = tensors.getFirst().shape().getLast();
    Metadata metadata =
        in.metadata()
            .with(
                Map.of(
                    "general.architecture", new Text("bigram"),
                    "bigram.embedding_length", new Whole(WholeType.UINT32, width),
                    "bigram.context_length", new Whole(WholeType.UINT32, 64)));
    try (ModelWriter out =
        gguf.create(Path.of(args[1]), metadata).orElseThrow(EspalierException.Unsupported::new)) {
      tensors.forEach(t -> out.declare(t.name(), t.type(), t.shape(), t.bytes().byteSize()));
      tensors.forEach(t -> out.write(t.name(), sink -> sink.append(t.bytes())));
      out.finish();
    }
  }
}
