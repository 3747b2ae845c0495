/**
 * Espalier for other programs: open a model, generate text, close it.
 *
 * <pre>{@code
 * try (LanguageModel model = Espalier.open(Path.of("model.gguf"));
 *     Generation tale = model.generate("Once upon a time")) {
 *   for (String piece : tale) {
 *     System.out.print(piece);
 *   }
 * }
 * }</pre>
 *
 * <p>What can go wrong is an {@link org.espalier.api.EspalierException} with one sentence for
 * people. Nothing here is static but the door: models, generations and conversations are
 * independent of each other, and any number of them may be open at once.
 */
@NullMarked
package org.espalier;

import org.jspecify.annotations.NullMarked;
