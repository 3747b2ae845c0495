/** Events for the JDK's Flight Recorder that backends emit. */
@NullMarked
package org.espalier.api.event;

import org.jspecify.annotations.NullMarked;
