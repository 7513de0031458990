// Made by generate.sh. Throw-away keys for tests: they protect nothing.

/// PEM texts. Servers' certificates are for mx.example.com, *.example.net, localhost, 127.0.0.1 and ::1.
public enum TestCertificates {
    /// Decrypts ``encryptedKey``.
    public static let password = "correct horse"

    /// Vouches for ``intermediate``.
    public static let root = """
        -----BEGIN CERTIFICATE-----
        MIIBgDCCASagAwIBAgIUZc1mhT35ALH5aldxVQyXZiBtafgwCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSTWFpbHJhY2UgVGVzdCBSb290MCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMjAwMTAxMDAwMDAwWjAdMRswGQYDVQQDDBJNYWlscmFjZSBUZXN0IFJvb3Qw
        WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQwvv53gvFS4IuYGveK8wWcdOxU2scJ
        zaomZgw6NO45B6H/qCMAsPovG6jvln1IxpQZwpJYeVvJqCa+8A1Wcr5po0IwQDAP
        BgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQUBe4LuZu8
        iqWMPk4kzghbMOHFIwowCgYIKoZIzj0EAwIDSAAwRQIhAII6ycKcmsPkwIWu5Whk
        HyilLRlNOmdiYX86ZEyp22obAiBA7+N9FeUK8c/V6LmqNBZSKFUQ99puCPTgUQpc
        1AbrSQ==
        -----END CERTIFICATE-----
        """

    /// Vouches for all others.
    public static let intermediate = """
        -----BEGIN CERTIFICATE-----
        MIIBqTCCAU+gAwIBAgIUbR5EioUDTCZGKCD3t9tMgseMaPowCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSTWFpbHJhY2UgVGVzdCBSb290MCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMjAwMTAxMDAwMDAwWjAlMSMwIQYDVQQDDBpNYWlscmFjZSBUZXN0IEludGVy
        bWVkaWF0ZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABFwdmsjY8NjTDe8xw9CY
        zdWN5tIh9VfcdeWOeMbPItG70eVNY2XQU+5ixhq6b8MySLjYqklWBoaGAGZ1kkiV
        Va+jYzBhMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQW
        BBSDtQmiHQ7VfwPuSjkQyd8XWepOKzAfBgNVHSMEGDAWgBQF7gu5m7yKpYw+TiTO
        CFsw4cUjCjAKBggqhkjOPQQDAgNIADBFAiBnGhVMk0nmz9BTvpmhFX3ruU8Ru/CO
        R+XdtJ32tG5DeAIhAOun/PTqZ0ywv2lqk848Xsn/qkrw25LLGgwVBEcrjZ9y
        -----END CERTIFICATE-----
        """

    /// P-256, without the chain.
    public static let ecdsaCertificate = """
        -----BEGIN CERTIFICATE-----
        MIICBjCCAaygAwIBAgIUCWYTb+5MusPyZPF2Bq4u6E7TE0IwCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwaTWFpbHJhY2UgVGVzdCBJbnRlcm1lZGlhdGUwIBcNMjAwMTAx
        MDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBkxFzAVBgNVBAMMDm14LmV4YW1wbGUu
        Y29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE5fqzafJMpTgGrqUaZsPjy7y5
        ZjWLTZVfXcouobMvYGCU7gbA9oy3Oc93sxZQbY449O66OrG0+xZpcE6/9m9/d6OB
        wzCBwDAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggr
        BgEFBQcDATAdBgNVHQ4EFgQUvGizsq2/JFHcUaGFcL9n9TPA9JowSwYDVR0RBEQw
        QoIObXguZXhhbXBsZS5jb22CDSouZXhhbXBsZS5uZXSCCWxvY2FsaG9zdIcEfwAA
        AYcQAAAAAAAAAAAAAAAAAAAAATAfBgNVHSMEGDAWgBSDtQmiHQ7VfwPuSjkQyd8X
        WepOKzAKBggqhkjOPQQDAgNIADBFAiAPuaBne/ApOYREt5eB3Hfp1uqBb82TN0KI
        vihaP811wgIhAOKwurtIosRjRW2+vEe9ahaY+sFjnG5sj3qwS7/1sJkc
        -----END CERTIFICATE-----
        """

    /// P-256, with the intermediate certificate.
    public static let ecdsaChain = """
        -----BEGIN CERTIFICATE-----
        MIICBjCCAaygAwIBAgIUCWYTb+5MusPyZPF2Bq4u6E7TE0IwCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwaTWFpbHJhY2UgVGVzdCBJbnRlcm1lZGlhdGUwIBcNMjAwMTAx
        MDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBkxFzAVBgNVBAMMDm14LmV4YW1wbGUu
        Y29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE5fqzafJMpTgGrqUaZsPjy7y5
        ZjWLTZVfXcouobMvYGCU7gbA9oy3Oc93sxZQbY449O66OrG0+xZpcE6/9m9/d6OB
        wzCBwDAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggr
        BgEFBQcDATAdBgNVHQ4EFgQUvGizsq2/JFHcUaGFcL9n9TPA9JowSwYDVR0RBEQw
        QoIObXguZXhhbXBsZS5jb22CDSouZXhhbXBsZS5uZXSCCWxvY2FsaG9zdIcEfwAA
        AYcQAAAAAAAAAAAAAAAAAAAAATAfBgNVHSMEGDAWgBSDtQmiHQ7VfwPuSjkQyd8X
        WepOKzAKBggqhkjOPQQDAgNIADBFAiAPuaBne/ApOYREt5eB3Hfp1uqBb82TN0KI
        vihaP811wgIhAOKwurtIosRjRW2+vEe9ahaY+sFjnG5sj3qwS7/1sJkc
        -----END CERTIFICATE-----
        -----BEGIN CERTIFICATE-----
        MIIBqTCCAU+gAwIBAgIUbR5EioUDTCZGKCD3t9tMgseMaPowCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSTWFpbHJhY2UgVGVzdCBSb290MCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMjAwMTAxMDAwMDAwWjAlMSMwIQYDVQQDDBpNYWlscmFjZSBUZXN0IEludGVy
        bWVkaWF0ZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABFwdmsjY8NjTDe8xw9CY
        zdWN5tIh9VfcdeWOeMbPItG70eVNY2XQU+5ixhq6b8MySLjYqklWBoaGAGZ1kkiV
        Va+jYzBhMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQW
        BBSDtQmiHQ7VfwPuSjkQyd8XWepOKzAfBgNVHSMEGDAWgBQF7gu5m7yKpYw+TiTO
        CFsw4cUjCjAKBggqhkjOPQQDAgNIADBFAiBnGhVMk0nmz9BTvpmhFX3ruU8Ru/CO
        R+XdtJ32tG5DeAIhAOun/PTqZ0ywv2lqk848Xsn/qkrw25LLGgwVBEcrjZ9y
        -----END CERTIFICATE-----
        """

    /// The key of ``ecdsaChain``.
    public static let ecdsaKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgrc0Vj4dDJzgeMD2j
        4iGSxNtmUaLy11kk3OjIuB+zjTOhRANCAATl+rNp8kylOAaupRpmw+PLvLlmNYtN
        lV9dyi6hsy9gYJTuBsD2jLc5z3ezFlBtjjj07ro6sbT7FmlwTr/2b393
        -----END PRIVATE KEY-----
        """

    /// The key of ``ecdsaChain``, encrypted with ``password``.
    public static let encryptedKey = """
        -----BEGIN ENCRYPTED PRIVATE KEY-----
        MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjV4Z+pUQ2D4AICCAAw
        DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEBfFedXttvTwIpclAAg4G1UEgZD6
        w+vTNki+9+CWCOw7DAWYdonF9RrWMOe0v388N5i7IpnfBmzLpKgDoLOoTVcEJSxy
        FbSf4f/6piwRbwst6MQ8v5ye1gSrJFZd33AOH6LGPrC32grxqOx84hdf7qJ+F7BB
        U5Mj9DkqhVSEynUjMrPftgV1spI5GESr+dW9BUawbkG9T9L38YXCA+guizJevYY=
        -----END ENCRYPTED PRIVATE KEY-----
        """

    /// RSA, 2048 bits, with the intermediate certificate.
    public static let rsaChain = """
        -----BEGIN CERTIFICATE-----
        MIIC0TCCAnegAwIBAgIUCdo/DjiL9m9RIcIzVEuIY7eOzPwwCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwaTWFpbHJhY2UgVGVzdCBJbnRlcm1lZGlhdGUwIBcNMjAwMTAx
        MDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBkxFzAVBgNVBAMMDm14LmV4YW1wbGUu
        Y29tMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAm9NsrUWWANJme4wF
        4wbMUCsm+BaXwmsjHRN3edh+ktkcdeluvVRSksBe5V61GO/R4VZ3+mHRDuJ9tkqt
        iZBkUburdJuL6Y8INwlivf3RA02+NvdI0xOSakhAXDaq8O9re09awz2gjoE8O9Bs
        IXnFueWRBHE3DYHhJTojm3H+ouafTam/RdGrRxIpyue1kTKr/+B9WZuXwNOQ1mT7
        swB+Dl30u7/2XqKq+ZOqOrOYNCqoavEvASftNprzRl1TIBTXf2ZtkAUFMfMiMpxq
        SDkbrNv3GFi06vekF96MPIrTRkQC9G9NAL3R8IsoP+GNS1ug/dvR34jS+lFTk7Za
        ZzSjyQIDAQABo4HDMIHAMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMBMG
        A1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBS54CJOsGkLZ6xkcgf/ZzUou8P5
        +DBLBgNVHREERDBCgg5teC5leGFtcGxlLmNvbYINKi5leGFtcGxlLm5ldIIJbG9j
        YWxob3N0hwR/AAABhxAAAAAAAAAAAAAAAAAAAAABMB8GA1UdIwQYMBaAFIO1CaId
        DtV/A+5KORDJ3xdZ6k4rMAoGCCqGSM49BAMCA0gAMEUCIQCZP3bCeIPeAfiIXmxP
        +/A8BAZEKhzOBd9ZjjK3JBsDhQIgf4ASkEft5rBQNMWJdDKSk/BJzg2KHXCqTFYo
        0FrNsSA=
        -----END CERTIFICATE-----
        -----BEGIN CERTIFICATE-----
        MIIBqTCCAU+gAwIBAgIUbR5EioUDTCZGKCD3t9tMgseMaPowCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSTWFpbHJhY2UgVGVzdCBSb290MCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMjAwMTAxMDAwMDAwWjAlMSMwIQYDVQQDDBpNYWlscmFjZSBUZXN0IEludGVy
        bWVkaWF0ZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABFwdmsjY8NjTDe8xw9CY
        zdWN5tIh9VfcdeWOeMbPItG70eVNY2XQU+5ixhq6b8MySLjYqklWBoaGAGZ1kkiV
        Va+jYzBhMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQW
        BBSDtQmiHQ7VfwPuSjkQyd8XWepOKzAfBgNVHSMEGDAWgBQF7gu5m7yKpYw+TiTO
        CFsw4cUjCjAKBggqhkjOPQQDAgNIADBFAiBnGhVMk0nmz9BTvpmhFX3ruU8Ru/CO
        R+XdtJ32tG5DeAIhAOun/PTqZ0ywv2lqk848Xsn/qkrw25LLGgwVBEcrjZ9y
        -----END CERTIFICATE-----
        """

    /// The key of ``rsaChain``.
    public static let rsaKey = """
        -----BEGIN PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCb02ytRZYA0mZ7
        jAXjBsxQKyb4FpfCayMdE3d52H6S2Rx16W69VFKSwF7lXrUY79HhVnf6YdEO4n22
        Sq2JkGRRu6t0m4vpjwg3CWK9/dEDTb4290jTE5JqSEBcNqrw72t7T1rDPaCOgTw7
        0GwhecW55ZEEcTcNgeElOiObcf6i5p9Nqb9F0atHEinK57WRMqv/4H1Zm5fA05DW
        ZPuzAH4OXfS7v/Zeoqr5k6o6s5g0Kqhq8S8BJ+02mvNGXVMgFNd/Zm2QBQUx8yIy
        nGpIORus2/cYWLTq96QX3ow8itNGRAL0b00AvdHwiyg/4Y1LW6D929HfiNL6UVOT
        tlpnNKPJAgMBAAECggEAAxGcMk1h3Ded4mZU4gO1l7PsheDsBt1/84f5R7exG8iV
        fDz8pqiNImwSHQegdBKaWjW5vH9F/rph1L/jwFx3nU8fhqG0P6/xbs612HKx4Gly
        NY2T1umrwywTwxJ7NgOBD7dLB6KkZtS6EEjVLajtm/D0H4JF80jQ26ApfgY2CD86
        mbeutFFQTHHxJ9RQOMnAc0u3M5J309hSLyUHmnOnO+uVeIRMrpYnVoA4mrlompM+
        B+JddK9CgbQnupXalz89N/34M8LSCWonnIX/fnPQTS5E7mlyQgZbMe1RTCBouYpP
        EHkjMah/Zzf+FAfPigLjSW7La6L/5SkvDzggIBAmAQKBgQDP4qC9giwsA7IalSzP
        hyHBlOcNyPDdVCJvi/uGTA2koNFooaxIVQSNfyIuWcjSU4GBwR7tc2/J/oXhBQwL
        BnZY8hNWVQFmdp7GWxkEYcIH4b/uP95spzCsCfW4URxtGK5Izz6llNchE9KpSZyq
        QALKe+LZpNn46RTYsggghyJ+bQKBgQC/5Dw6n60LWBZ8WJy9W6h4wWu3o+fwLj/N
        TCeXWzH8a+6myupzSIa5pV+titT0sNLQ4t3kH0veRINVJkr3OHZ31Bje0jdc1Xku
        FmaRcoDYW0LBkexluZsXNGtcn/w/Lgp/8MlQpvAAQd2HJ+C9qHxIbXXkLT6MSI82
        kfl2qhDxTQKBgQCUnNvyflObp4y0ij49ocoU/KDs7uCaKSJxAe5vBIGgVkM9/I4Q
        K48UpHVIE3GIQqBLpUa505NwIN+OjLAeVaFXVr9SMXTNzjEVdlx9EHHIdq9h4BDf
        NeqKopgiCwI6T7GQZW/QqYXdpLEtym0QHLCiFkyG8N3OnroDa8p5joGvRQKBgHSK
        7pWAQv2/yzBMNS3ATErC1mQbFRPHUxKhrO39AhfXiYMdfFT1+HUp3jktN3dBKVia
        YL9azp44qDb/4cnSLglK9Kvnqp4kPMvj6PlvPJeqnZmowZVqq6nlOUtxEydgFBpu
        KCZmrR7K4ftjGdi2Sn1GlbI2VGWo7+npsEQEt/OFAoGANyBwGin9p7fHkDckEBw+
        RRHNVMUe4fBZVvxDdYbboByM4CopcGHRfNvu9chu7BZV9hE2OzRP9H6Hk4pmRJbR
        LZB+uVEIxillH4m8VoAZ/Td0DPunsaSmP2k8TVfTYAeeBTQR4KvKflSSk9LWvGzH
        a04Cb8D5TQqeK6QZHdoWooo=
        -----END PRIVATE KEY-----
        """

    /// RSA, 1024 bits: too short for OpenSSL.
    public static let weakCertificate = """
        -----BEGIN CERTIFICATE-----
        MIICTDCCAfOgAwIBAgIUc9XMCA46NdsVL+XLo2zn4KU3K7YwCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwaTWFpbHJhY2UgVGVzdCBJbnRlcm1lZGlhdGUwIBcNMjAwMTAx
        MDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBkxFzAVBgNVBAMMDm14LmV4YW1wbGUu
        Y29tMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCq6mXCNfccCRWUi+5bEJun
        M399WkPAJK0516VQYlSL/E9IFlMX3YftSx3ztHuzeC+fEz5UDTMf5/wauiQVEqjL
        AQDvTks9mBmu5ycbhC9cfWf4/Nj84EwlkBePBLspek3lVmmo5WViUNEzpQacy0U6
        7C6qjF2btFnEmnXw+4kOHwIDAQABo4HDMIHAMAwGA1UdEwEB/wQCMAAwDgYDVR0P
        AQH/BAQDAgeAMBMGA1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBQEW+jWTslJ
        FISqlPsCZTotgoAVPzBLBgNVHREERDBCgg5teC5leGFtcGxlLmNvbYINKi5leGFt
        cGxlLm5ldIIJbG9jYWxob3N0hwR/AAABhxAAAAAAAAAAAAAAAAAAAAABMB8GA1Ud
        IwQYMBaAFIO1CaIdDtV/A+5KORDJ3xdZ6k4rMAoGCCqGSM49BAMCA0cAMEQCIBi/
        EDEB2ndVjvG+P5kaVBVhrLzIfzbjKiXYR8wIQISlAiAfxHT4SpoUEJvnkVatGy8S
        zKk5kugHLR1uG2YH/RjhnA==
        -----END CERTIFICATE-----
        """

    /// The key of ``weakCertificate``.
    public static let weakKey = """
        -----BEGIN PRIVATE KEY-----
        MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAKrqZcI19xwJFZSL
        7lsQm6czf31aQ8AkrTnXpVBiVIv8T0gWUxfdh+1LHfO0e7N4L58TPlQNMx/n/Bq6
        JBUSqMsBAO9OSz2YGa7nJxuEL1x9Z/j82PzgTCWQF48Euyl6TeVWaajlZWJQ0TOl
        BpzLRTrsLqqMXZu0WcSadfD7iQ4fAgMBAAECgYBF5cpr3IoMqyJqN7fpAifF/2ea
        Kjoe8GDvkOOItk4BWdRKlOaykeSvBNNhAWS9ht9i3QnWcfeAiu0tOQbcn17ry4Cy
        A9yzG1yqrdwxyL4v8DdkEtMaolMMmzRMVY/xXhK2PGJ5yhAMRgH8nJLCkQ1bh306
        9kLIIBJRkN6ARRsZYQJBANX1Z6QEAB2YeqBCp415spoO54Q54Fso5reSefvajjy3
        +9q6V9G1Sv+wZswPuplpomV2Va+AdEjoEwACTEgXsGcCQQDMf9V8VCAd1oSejEbV
        VjzEgL4VlH7KqB4QAW2nso8l720N8zn1AolhdXCc1X/pThzwxd8KPG+yj398E8X7
        csGJAkEAmz/gnjCQ7OixQgxbi9qccBEUiOt+EmeRUe6lOMyTnRdbVpEUHATSkMmt
        LbDUE3GE9t5wulIZDrXm44DHXSBjTQJADVrr3krALjKsRo5yscwH++1MfKxN+34v
        OGxfdOw8XQXd4WNZDZ80yaCZ0iQ/TkVDrpW9kzWPNeIZOUkxTNKZwQJAYYHOFTdh
        K7pEf23gIiRMJEsnv6gf29j1j0NYxfTmAnCzAr1ovLJK708QxoRAM+6EoQ3LXJy2
        qlgmXY6K2aYiwQ==
        -----END PRIVATE KEY-----
        """

    /// P-256, until 2021.
    public static let expiredCertificate = """
        -----BEGIN CERTIFICATE-----
        MIICBDCCAaqgAwIBAgIUbef8+9bsiwKBWkOqeZImOdQgP+owCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwaTWFpbHJhY2UgVGVzdCBJbnRlcm1lZGlhdGUwHhcNMjAwMTAx
        MDAwMDAwWhcNMjEwMTAxMDAwMDAwWjAZMRcwFQYDVQQDDA5teC5leGFtcGxlLmNv
        bTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMW/eWG2Hucte1E2kTJPg/PIHuWD
        zd+qLrvmWbWbkdohy2tMq44JuHz+VyQKbbVF8LbnHQRVPNgxOFve4UuAC8KjgcMw
        gcAwDAYDVR0TAQH/BAIwADAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYB
        BQUHAwEwHQYDVR0OBBYEFMd/0lB8KUNtD6IuRuxsbRSekA0EMEsGA1UdEQREMEKC
        Dm14LmV4YW1wbGUuY29tgg0qLmV4YW1wbGUubmV0gglsb2NhbGhvc3SHBH8AAAGH
        EAAAAAAAAAAAAAAAAAAAAAEwHwYDVR0jBBgwFoAUg7UJoh0O1X8D7ko5EMnfF1nq
        TiswCgYIKoZIzj0EAwIDSAAwRQIgIjmisNUBG5wE2uPwtSB+sP1cLFK6MeeNI/je
        6YOLjiACIQD3/AqWe7JQiZYcTENKe//puByFRQrYw18wr5s7klIGfw==
        -----END CERTIFICATE-----
        """

    /// The key of ``expiredCertificate``.
    public static let expiredKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbAznb+69XJTQVX/N
        w7jVpyrtNMaeJCsZn4veREKpreihRANCAATFv3lhth7nLXtRNpEyT4PzyB7lg83f
        qi675lm1m5HaIctrTKuOCbh8/lckCm21RfC25x0EVTzYMThb3uFLgAvC
        -----END PRIVATE KEY-----
        """

    /// P-256, from 2119 on.
    public static let futureCertificate = """
        -----BEGIN CERTIFICATE-----
        MIICBzCCAa6gAwIBAgIUXJm5+j6Ch7KForumEqHJSX6WWLgwCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwaTWFpbHJhY2UgVGVzdCBJbnRlcm1lZGlhdGUwIhgPMjExOTAx
        MDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowGTEXMBUGA1UEAwwObXguZXhhbXBs
        ZS5jb20wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATIPiK51GJzRN7hn/OzkaYp
        lw5l7a4/low8rw5Zv1GXNinQNpufbw170A6n02DqGzWDRa/CHMjG581/WpdMdL9Y
        o4HDMIHAMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMBMGA1UdJQQMMAoG
        CCsGAQUFBwMBMB0GA1UdDgQWBBSCfLnbFs6MHSu+hA3dbXhBy5ZzYDBLBgNVHREE
        RDBCgg5teC5leGFtcGxlLmNvbYINKi5leGFtcGxlLm5ldIIJbG9jYWxob3N0hwR/
        AAABhxAAAAAAAAAAAAAAAAAAAAABMB8GA1UdIwQYMBaAFIO1CaIdDtV/A+5KORDJ
        3xdZ6k4rMAoGCCqGSM49BAMCA0cAMEQCIB8tXS8ngTbX0YVttx8ibKweXP70MnhW
        gp3cDnHEDuybAiAMm8PONLXBeHwV9n5eweMzocPbdQp7Fb8vRU911WyBKw==
        -----END CERTIFICATE-----
        """

    /// The key of ``futureCertificate``.
    public static let futureKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5fIxP6xoMldvB16K
        GqoQWYNOiDggSasj8dYxkqcFS4KhRANCAATIPiK51GJzRN7hn/OzkaYplw5l7a4/
        low8rw5Zv1GXNinQNpufbw170A6n02DqGzWDRa/CHMjG581/WpdMdL9Y
        -----END PRIVATE KEY-----
        """
}
