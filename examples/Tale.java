import java.nio.file.Path;
import org.espalier.Espalier;
import org.espalier.Generation;
import org.espalier.LanguageModel;

/** A tale of the demo model: <code>java -p MODULES --add-modules org.espalier.launcher Tale.java</code>. */
void main() {
  try (LanguageModel model = Espalier.open(Path.of("models/tiny-tales-qtip.gguf"));
      Generation tale = model.generate("Once upon a time")) {
    for (String piece : tale) {
      IO.print(piece);
    }
  }
}
