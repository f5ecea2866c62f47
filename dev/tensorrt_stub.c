/* Stands in for the libraries that TensorRT's Python bindings are linked to, so that tests import the true
   bindings where there is no TensorRT: enumerations, Dims, loggers and monitors are real, and every factory
   fails as it does on a machine whose driver refuses. */
#include <stdbool.h>
#include <stddef.h>

#define FACTORY(name) void *name(void) { return NULL; }
FACTORY(createInferBuilder_INTERNAL)
FACTORY(createInferRuntime_INTERNAL)
FACTORY(createInferRefitter_INTERNAL)
FACTORY(createNvOnnxParser_INTERNAL)
FACTORY(createNvOnnxParserRefitter_INTERNAL)
FACTORY(getBuilderPluginRegistry)
FACTORY(getPluginRegistry)

int getNvOnnxParserVersion(void) { return 0; }

bool initLibNvInferPlugins(void *logger, const char *name_space)
{
    (void)logger;
    (void)name_space;
    return false;
}
